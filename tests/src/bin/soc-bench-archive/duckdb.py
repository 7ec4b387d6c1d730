"""What DuckDB answers: reads {"files", "questions"} from standard input, a line an answer: how long
each of two runs took, processor time of the second, and its rows."""
import json
import sys
import time

import duckdb

given = json.load(sys.stdin)
database = duckdb.connect()
database.sql("SET threads = 2")
database.sql("SET TimeZone = 'UTC'")
database.sql("SET parquet_metadata_cache = true")
files = ", ".join("'" + file.replace("'", "''") + "'" for file in given["files"])
database.sql(f"CREATE VIEW events AS FROM read_parquet([{files}], union_by_name = true)")
for question in given["questions"]:
    seconds = []
    for _ in range(2):
        begun, worked = time.perf_counter(), time.process_time()
        rows = database.execute(question).fetchall()
        seconds.append(time.perf_counter() - begun)
        processor = time.process_time() - worked
    counts = [row[-1] for row in rows] if len(rows) <= 200 else []
    told = {"seconds": seconds, "processor": processor, "rows": len(rows), "counts": counts}
    print(json.dumps(told, default=str))
