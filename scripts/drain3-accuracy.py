"""Grouping accuracy and speed of Drain3 over Loghub's labelled logs, as lines `LOG figure`."""

import collections
import csv
import pathlib
import sys
import time

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

LOGS = ["Linux", "OpenSSH", "Apache", "OpenStack", "HDFS", "Hadoop", "Android", "Proxifier"]
# One configuration for all, with the masks its documentation shows.
MASKS = [
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
]


def miner():
    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in MASKS]
    return TemplateMiner(config=config)


def accuracy(contents, events):
    drain, ours, theirs = miner(), collections.defaultdict(list), collections.defaultdict(list)
    for number, (content, event) in enumerate(zip(contents, events)):
        ours[drain.add_log_message(content)["cluster_id"]].append(number)
        theirs[event].append(number)
    groups = {tuple(group) for group in ours.values()}
    return sum(len(group) for group in theirs.values() if tuple(group) in groups) / len(contents)


total, lines, seconds = 0.0, 0, 0.0
for log in LOGS:
    path = pathlib.Path(sys.argv[1]) / log / f"{log}_2k.log_structured.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    started = time.perf_counter()
    figure = accuracy([row["Content"] for row in rows], [row["EventId"] for row in rows])
    seconds += time.perf_counter() - started
    lines += len(rows)
    total += figure
    print(f"{log} {figure:.3f}")
print(f"mean {total / len(LOGS):.3f}")
print(f"drain3: {lines / seconds:.0f} lines/s", file=sys.stderr)
