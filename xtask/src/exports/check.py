"""Reads exports with the programs that they are for, and compares them with each other.

In: a folder, names of recordings. Out: a line for each file. Refuses: a file that is read, but says something else than
the stream of the same recording.
"""

import json
import sys
import xml.etree.ElementTree
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import pyarrow.parquet
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as perfetto
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def stream(path):
    records = [json.loads(line) for line in path.read_text().splitlines()]
    windows = [record for record in records if record["record"] == "window"]
    return windows, records[-1]


def unknown_fields(message):
    """Fields that the public definitions do not have."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    found = [field.field_number for field in UnknownFieldSet(message)]
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        values = value if descriptor.is_repeated else [value]
        for each in values:
            found += [f"{descriptor.name}.{number}" for number in unknown_fields(each)]
    return found


def check_perfetto(path, windows):
    trace = perfetto.Trace()
    trace.ParseFromString(path.read_bytes())
    assert trace.packet, "no packet"
    tracks, depth, kinds = {}, defaultdict(list), Counter()
    for packet in trace.packet:
        assert not unknown_fields(packet), f"unknown: {unknown_fields(packet)}"
        assert packet.trusted_packet_sequence_id == 1
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        if packet.HasField("clock_snapshot"):
            clocks = {clock.clock_id for clock in packet.clock_snapshot.clocks}
            assert clocks == {perfetto.BUILTIN_CLOCK_MONOTONIC, perfetto.BUILTIN_CLOCK_REALTIME}
            assert packet.clock_snapshot.primary_trace_clock == perfetto.BUILTIN_CLOCK_MONOTONIC
        if packet.HasField("track_event"):
            event = packet.track_event
            assert event.track_uuid in tracks, f"no track {event.track_uuid}"
            assert packet.timestamp_clock_id == perfetto.BUILTIN_CLOCK_MONOTONIC
            kinds[event.type] += 1
            depth[event.track_uuid].append((packet.timestamp, event.type))
            if event.type == perfetto.TrackEvent.TYPE_COUNTER:
                assert tracks[event.track_uuid].HasField("counter")
    begins = kinds[perfetto.TrackEvent.TYPE_SLICE_BEGIN]
    ends = kinds[perfetto.TrackEvent.TYPE_SLICE_END]
    assert begins >= ends, "more ends than begins"
    busy = [window for window in windows if window["busy_pct"] is not None]
    assert kinds[perfetto.TrackEvent.TYPE_COUNTER] >= len(busy)
    assert kinds[perfetto.TrackEvent.TYPE_INSTANT] >= 1
    return f"{len(trace.packet)} packets, {len(tracks)} tracks, {begins} slices, {begins - ends} without an end"


def check_metrics(path, summary):
    families = {family.name: family for family in text_string_to_metric_families(path.read_text())}
    books = summary["accounting"]
    for name, value in [("begun", books["nr_begun"]), ("completed", books["nr_completed"])]:
        samples = families[f"livelock_waits_{name}"].samples
        assert [sample.value for sample in samples] == [value], f"{samples} is not {value}"
    ones = [s.labels["status"] for s in families["livelock_status"].samples if s.value == 1]
    assert ones == [summary["status"]], f"{ones} is not {summary['status']}"
    for family in families.values():
        assert not family.unit or family.name.endswith("_" + family.unit), family.name
    return f"{len(families)} families"


def check_table(folder, recording, table, windows):
    parquet = folder / f"{recording}.{table}.parquet"
    csv = folder / f"{recording}.{table}.csv"
    arrow = pyarrow.parquet.read_table(parquet)
    duck = duckdb.sql(f"select * from read_parquet('{parquet}')")
    rows = duck.fetchall()
    assert duck.columns == arrow.column_names, "DuckDB and pyarrow see different columns"
    assert len(rows) == arrow.num_rows
    assert [tuple(row.values()) for row in arrow.to_pylist()] == rows, "different rows"
    if table == "windows":
        columns = list(windows[0])[1:]
        assert duck.columns == columns, f"{duck.columns} is not {columns}"
        for row, window in zip(rows, windows, strict=True):
            # A cell has no place for a list.
            window = window | {"probe_groups": " ".join(window["probe_groups"])}
            assert dict(zip(columns, row)).items() <= window.items(), f"{row} is not {window}"
    if rows:
        text = duckdb.sql(f"select * from read_csv('{csv}', header = true, all_varchar = true)")
        assert text.columns == duck.columns
        empty = [tuple(cell is None for cell in row) for row in text.fetchall()]
        # CSV has no text of no length.
        assert empty == [tuple(cell in (None, "") for cell in row) for row in rows], "nulls differ"
    return f"{len(rows)} rows of {len(duck.columns)} columns"


def check_flames(folder, recording):
    lines = (folder / f"{recording}.folded").read_text().splitlines()
    functions = {frame for line in lines for frame in line.rsplit(" ", 1)[0].split(";")}
    picture = xml.etree.ElementTree.parse(folder / f"{recording}.svg").getroot()
    titles = [title.text for title in picture.iter("{http://www.w3.org/2000/svg}title")]
    shown = {title.rsplit(" (", 1)[0] for title in titles} - {"all"}
    assert shown <= functions, f"only in the picture: {shown - functions}"
    assert bool(shown) == bool(lines), "a picture of nothing"
    return f"{len(lines)} paths, {len(titles)} frames drawn"


def main():
    folder = Path(sys.argv[1])
    for recording in sys.argv[2:]:
        windows, summary = stream(folder / f"{recording}.jsonl")
        said = {
            "perfetto": check_perfetto(folder / f"{recording}.perfetto-trace", windows),
            "openmetrics": check_metrics(folder / f"{recording}.prom", summary),
            "flames": check_flames(folder, recording),
            "windows": check_table(folder, recording, "windows", windows),
            "locks": check_table(folder, recording, "locks", windows),
        }
        for what, words in said.items():
            print(f"exports: {recording}: {what}: {words}")


main()
