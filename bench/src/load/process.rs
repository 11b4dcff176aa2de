//! The system's figures for a process.

use std::fs;
use std::io;

#[derive(Clone, Copy)]
pub(crate) struct Process {
    pub(crate) pid: u32,
}

impl Process {
    pub(crate) fn current() -> Self {
        Self { pid: std::process::id() }
    }

    /// User and system time of all its threads, those that have ended included, in nanoseconds.
    #[expect(unsafe_code, reason = "no safe interface gives the CPU clock of another process")]
    pub(crate) fn cpu(self) -> io::Result<u64> {
        let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
        // SAFETY: writes one clock id to where the reference points.
        let status = unsafe { libc::clock_getcpuclockid(self.pid as libc::pid_t, &mut clock) };
        if status != 0 {
            return Err(io::Error::from_raw_os_error(status));
        }
        // SAFETY: writes one timespec to where the reference points.
        if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    /// Memory that is resident, in KiB.
    pub(crate) fn resident(self) -> io::Result<u64> {
        self.number("status", "VmRSS:")
    }

    pub(crate) fn threads(self) -> io::Result<u64> {
        self.number("status", "Threads:")
    }

    pub(crate) fn open_files(self) -> io::Result<u64> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid))?.count() as u64)
    }

    pub(crate) fn open_files_limit(self) -> io::Result<u64> {
        self.number("limits", "Max open files")
    }

    /// The number after `label` in one of its files below /proc.
    fn number(self, file: &str, label: &str) -> io::Result<u64> {
        let path = format!("/proc/{}/{file}", self.pid);
        let text = fs::read_to_string(&path)?;
        let rest = text.lines().find_map(|line| line.strip_prefix(label));
        let number = rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| io::Error::other(format!("{path} has no number for {label:?}")))
    }
}
