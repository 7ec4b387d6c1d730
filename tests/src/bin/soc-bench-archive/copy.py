"""DuckDB's own Parquet, with zstd, of the rows of a file in the same order, messages in their
column: prints bytes and seconds of processor time."""
import os
import sys
import time

import duckdb

file = sys.argv[1]
out = file + ".duckdb"
duckdb.sql("SET threads = 1")
rows = duckdb.read_parquet(file)
columns = "*"
if "message_at" in rows.columns:
    columns = "* EXCLUDE (message_at) REPLACE (coalesce(message, substr(raw, message_at + 1)) AS message)"
begun = time.process_time()
duckdb.sql(f"COPY (SELECT {columns} FROM rows) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
print(os.path.getsize(out), time.process_time() - begun)
os.remove(out)
