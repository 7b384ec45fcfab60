"""The embedded model server: TF Serving's API, flags and life cycle in one Python command.

    python -m serving.server --port=8500 --model_name=movies --model_base_path=/models/movies

| what | where |
| --- | --- |
| command line | `options` is the table of flags, `flags` reads it, `checks` refuses what cannot be |
| configuration files | `protos` reads them, `model_config` knows models and version policies |
| versions | `versions` finds their folders, `loading` makes one ready (`servable`, `signature`, `runtime`, `warmup`), `lifecycle` is their state, `manager` the threads that move it on |
| requests | `registry` turns a `ModelSpec` into a version in use and replaces the configuration; `predict`, `inference`, `examples`, `metadata` and `status` are the RPCs on it; `handlers` are all of them free of transport |
| several processes | `start` begins one, `processes` all of them; `peers` asks the others, for the answers of `shared_handlers` |
| fronts | `grpc_server` and `rest`, thin over `handlers`; `profiler` |
| beside a request | `batching` (`batch_options`, `batch_tasks`, `batch_arrays`; `model_batching` for the flags), `metrics`, `request_log`, `errors` |

`app` ties the parts together.
"""  # noqa: E501
