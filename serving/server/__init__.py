"""The embedded model server: TF Serving's gRPC API, flags and life cycle in one Python command.

    python -m serving.server --port=8500 --model_name=movies --model_base_path=/models/movies

`flags` reads the command line, `app` ties the parts together. `versions` finds version folders,
`lifecycle` loads and unloads them, `servable` is one loaded SavedModel, `registry` resolves a
request's model to a version in use. Each RPC is one module (`predict`, `metadata`, `status`) that
knows nothing of gRPC; `grpc_server` puts them on the wire and `errors` carries their status codes.
"""
