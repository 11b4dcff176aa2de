"""Writes the results as markdown."""

import os
import pathlib
import platform
import re
import resource
import statistics
import subprocess

import chart
from cases import KIB, LIBRARIES, SUITES, What

HERE = pathlib.Path(__file__).resolve().parent
FAILED = "failed"


def scaled(value, units):
    """The value with three digits, in the largest of the units that is not larger than it."""
    factor, unit = next((unit for unit in units if value >= unit[0]), units[-1])
    value /= factor
    digits = f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
    return f"{digits} {unit}"


def duration(nanoseconds):
    return scaled(nanoseconds, [(1e6, "ms"), (1e3, "µs"), (1, "ns")])


def throughput(case, rate):
    if case.size >= 16 * KIB:
        return scaled(rate * case.size / 1e6, [(1e3, "GB/s"), (1, "MB/s")])
    return scaled(rate, [(1e6, "M/s"), (1e3, "k/s"), (1, "/s")])


def memory(kib):
    return f"{kib:.1f} KiB"


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


def spread(samples, key):
    values = [sample[key] for sample in samples]
    return round(50 * (max(values) - min(values)) / statistics.median(values))


def table(rows):
    head, *rows = rows
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def programs_of(cases):
    names = [name for case in cases for name in case.programs]
    return list(dict.fromkeys(names))


def case_table(cases, results, cell, best=None):
    """Cases are rows, programs are columns. The library with the lowest value of `best` is bold."""
    programs = programs_of(cases)
    rows = [["", *programs]]
    for case in cases:
        measured = {name: results[case, name] for name in programs if results.get((case, name))}
        libraries = [name for name in measured if name in LIBRARIES]
        winner = best and len(libraries) > 1 and min(libraries, key=lambda name: median(measured[name], best))
        row = [case.name]
        for name in programs:
            text = cell(case, measured[name]) if name in measured else FAILED if name in case.programs else "–"
            row.append(f"**{text}**" if name == winner else text)
        rows.append(row)
    return table(rows)


def cpu_cell(case, samples):
    return duration(median(samples, "cpu")) + (f" ± {spread(samples, 'cpu')} %" if len(samples) > 1 else "")


def throughput_cell(case, samples):
    tested, load = (min(100, round(100 * median(samples, key))) for key in ("busy", "load_busy"))
    return f"{throughput(case, median(samples, 'rate'))} ({tested}, {load} %)"


def round_trip_cell(case, samples):
    return f"{median(samples, 'p50'):.0f} / {median(samples, 'p99'):.0f}"


def wire_cell(case, samples):
    return f"{median(samples, 'wire'):.0f}"


def idle_table(case, results):
    rows = [["", "connections", "fresh", "after an echo", "threads each", "descriptors each", "time to open"]]
    for name in case.programs:
        if not results.get((case, name)):
            rows.append([name, FAILED] + [""] * 5)
            continue
        (sample,) = results[case, name]
        rows.append([
            name,
            f"{sample['connections']:,}",
            memory(sample["fresh_kib"]),
            memory(sample["used_kib"]),
            f"{sample['threads']:.0f}",
            f"{sample['files_each']:.0f}",
            f"{sample['seconds']:.1f} s",
        ])
    return table(rows)


def suite_section(suite, cases, results):
    if cases[0].what == What.IDLE:
        yield "Resident memory of the server's process for each connection.\n\n"
        yield idle_table(cases[0], results)
        return
    who = "server" if cases[0].what == What.ECHO else "client"
    yield f"CPU time of the {who} for each message:\n\n"
    yield case_table(cases, results, cpu_cell, "cpu")
    yield f"\nThroughput, and how busy the {who} and the load kept their CPUs:\n\n"
    yield case_table(cases, results, throughput_cell)
    if suite == "pingpong":
        yield "\nRound trip in µs, median and 99th percentile:\n\n"
        yield case_table(cases, results, round_trip_cell)
    if suite == "deflate":
        yield "\nBytes on the wire for each reply:\n\n"
        yield case_table(cases, results, wire_cell, "wire")


def draw(suite, cases, results):
    key, text = ("used_kib", memory) if suite == "idle" else ("cpu", duration)
    what = "memory for each connection" if suite == "idle" else "CPU time for each message"
    groups = []
    for case in cases:
        measured = [(name, results.get((case, name))) for name in case.programs]
        bars = [(name, median(samples, key)) for name, samples in measured if samples]
        groups.append((case.name, [(name, value, text(value)) for name, value in bars]))
    return chart.svg(f"{SUITES[suite]} – {what}, less is better", groups)


def output_of(*command):
    try:
        return subprocess.run(command, cwd=HERE, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""


def machine(cpus):
    def find(pattern, path):
        found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
        return found[1] if found else ""

    model = find(r"^model name\s*:\s*(.*)", "/proc/cpuinfo") or platform.machine()
    virtual = ", a virtual machine" if find(r"^flags.*\b(hypervisor)\b", "/proc/cpuinfo") else ""
    gib = int(find(r"^MemTotal:\s*(\d+)", "/proc/meminfo") or 0) / (1 << 20)
    tested, load = (", ".join(map(str, sorted(cpu))) for cpu in cpus)
    return {
        "Machine": f"{os.cpu_count()} CPUs of {model}{virtual}, {gib:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Compiler": output_of("rustc", "--version"),
        "CPUs": f"{tested} for what is tested, {load} for the load",
        "Open files": f"{resource.getrlimit(resource.RLIMIT_NOFILE)[1]:,} for each process at most",
    }


def versions():
    found = dict(re.findall(r'^name = "(.*)"\nversion = "(.*)"', (HERE / "Cargo.lock").read_text(), re.MULTILINE))
    root = re.search(r'^version = "(.*)"', (HERE.parent / "Cargo.toml").read_text(), re.MULTILINE)
    commit = output_of("git", "describe", "--always", "--dirty")
    landline = f"landline {root[1]}" + (f" ({commit})" if commit else "")
    others = [f"{name} {found[name]}" for name in [*LIBRARIES[1:], "tokio", "native-tls"] if name in found]
    return ", ".join([landline, *others])


def write(output, facts, cases, results):
    """Writes the report and, next to it, a chart for each suite."""
    lines = ["# Measurements\n\n"]
    lines += [f"- {name}: {value}\n" for name, value in facts.items()]
    lines.append("\nLess is better, but for throughput. The best library is bold; the raw programs are none.\n")
    for suite, title in SUITES.items():
        of_suite = [case for case in cases if case.suite == suite]
        if not of_suite:
            continue
        picture = output.with_name(f"{output.stem}-{suite}.svg")
        picture.write_text(draw(suite, of_suite, results))
        lines.append(f"\n## {title}\n\n![]({picture.name})\n\n")
        lines += suite_section(suite, of_suite, results)
    output.write_text("".join(lines))
