"""Builds the programs, starts them on their CPUs, and measures one case with one of them."""

import json
import os
import pathlib
import re
import resource
import subprocess
import tempfile

from cases import CLIENTS, RAW, SERVERS, What

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# Longer than anything takes unless it hangs.
TIMEOUT = 300


class Failure(Exception):
    """Something did not work; the message is one line that says what."""


def build():
    """Builds everything. Returns the paths of the binaries, and cargo's target directory."""
    binaries = {}
    examples = ["--example", "echo_server", "--example", "bench_client"]
    for directory, targets in (ROOT, examples), (HERE, ["--bins"]):
        command = ["cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics", *targets]
        try:
            built = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, text=True)
        except FileNotFoundError:
            raise Failure("cargo was not found") from None
        if built.returncode:
            raise Failure(f"cargo could not build the {'benchmarks' if directory == HERE else 'programs'}")
        for message in map(json.loads, built.stdout.splitlines()):
            if message.get("executable"):
                binaries[message["target"]["name"]] = message["executable"]
    return binaries, pathlib.Path(binaries["load"]).parent.parent


def end(process):
    """Ends a process that was started here, unless it has already ended. Returns its error message, if there is one."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    _, errors = process.communicate()
    return (errors or "").partition("\n")[0]


def finish(process):
    """Waits until a process ends. Returns what it printed last, which is JSON."""
    try:
        output, errors = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        end(process)
        raise Failure(f"{pathlib.Path(process.args[0]).name} did not end") from None
    if process.returncode:
        complaint = (errors or "").partition("\n")[0]
        raise Failure(complaint or f"{pathlib.Path(process.args[0]).name} ended with status {process.returncode}")
    return json.loads(output.splitlines()[-1])


class Bench:
    """Runs the programs, each on its CPU. Servers keep running from round to round, and end with the context."""

    def __init__(self, binaries, cpus, seconds, warm_up, idle_connections):
        self.binaries = binaries
        self.tested_cpu, self.load_cpu = cpus
        self.seconds = seconds
        self.warm_up = warm_up
        self.idle_connections = idle_connections
        self.servers = {}

    def __enter__(self):
        _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        self.directory = tempfile.TemporaryDirectory(prefix="landline-bench-")
        finish(self.start(["load", "certificate", self.directory.name], self.load_cpu))
        return self

    def __exit__(self, *_):
        for server, _ in self.servers.values():
            end(server)
        self.directory.cleanup()

    def measure(self, case, program):
        """One measurement; times are per message, in nanoseconds."""
        if case.what == What.IDLE:
            return self.measure_idle(case, program)
        measure = self.measure_echo if case.what == What.ECHO else self.measure_client
        result = measure(case, program)
        count, seconds = result["messages"], result["seconds"]
        if not count:
            raise Failure("no message came through; give it more --seconds")
        return {
            "cpu": result["cpu_ns"] / count,
            "rate": count / seconds,
            "busy": result["cpu_ns"] / seconds / 1e9,
            "load_busy": result["own_cpu_ns"] / seconds / 1e9,
            "wire": result.get("wire_bytes", 0) / count,
            "p50": result.get("p50_us", 0),
            "p99": result.get("p99_us", 0),
        }

    def measure_echo(self, case, program):
        key = (program, *case.server)
        if key not in self.servers or self.servers[key][0].poll() is not None:
            self.servers[key] = self.serve([*SERVERS[program], *case.server], self.tested_cpu)
        times = ["--seconds", self.seconds, "--warm-up", self.warm_up]
        return self.load("echo", self.servers[key], program, [*case.load, *times])

    def measure_idle(self, case, program):
        server = self.serve(SERVERS[program], self.tested_cpu)
        try:
            return self.load("idle", server, program, ["--connections", self.idle_connections, "--size", case.size])
        finally:
            end(server[0])

    def load(self, what, server, program, arguments):
        process, port = server
        raw = ["--raw"] if program in RAW else []
        command = ["load", what, "--port", port, "--pid", process.pid, *arguments, *raw]
        return finish(self.start(command, self.load_cpu))

    def measure_client(self, case, program):
        """Here the load generator is the server. The CPU time is the client's, from its start to its end."""
        load = ["sink"] if case.what == What.SENDING else ["flood", "--seconds", self.seconds]
        server, port = self.serve(["load", *load, "--size", case.size], self.load_cpu, subprocess.PIPE)
        command = [*CLIENTS[program], case.mode, "--port", port, "--size", case.size, "--secs", self.seconds]
        # Programs without threads do not get this option.
        command += ["--threads", case.threads] if case.threads > 1 else []
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            sent = finish(self.start(command, self.tested_cpu))["msgs"]
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            result = finish(server)
        except Failure as failure:
            # Either of them may know best what went wrong.
            complaints = dict.fromkeys([str(failure), end(server)])
            raise Failure(" / ".join(filter(None, complaints))) from None
        finally:
            end(server)
        if sent != result["messages"]:
            raise Failure(f"the client counted {sent} messages, the load {result['messages']}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {**result, "cpu_ns": cpu * 1e9}

    def start(self, command, cpu, errors=subprocess.PIPE):
        name, *arguments = [str(word) for word in command]
        files = {f"{{{key}}}": f"{self.directory.name}/{key}.pem" for key in ("cert", "key")}
        return subprocess.Popen(
            [self.binaries[name], *(files.get(word, word) for word in arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpu),
        )

    def serve(self, command, cpu, errors=subprocess.DEVNULL):
        """Starts a server and waits until it listens. Returns the process and its port."""
        process = self.start(command, cpu, errors)
        line = process.stdout.readline()
        listening = re.search(r"listening on \S*:(\d+)", line)
        if not listening:
            end(process)
            raise Failure(f"{' '.join(command[:3])} did not start")
        return process, int(listening[1])
