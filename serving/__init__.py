"""Model serving: an embedded TF Serving compatible server and a client for any TF Serving server.

`python -m serving.server` answers the gRPC API of TF Serving for SavedModels in version folders;
`serving.client.ServingClient` calls it, or the official server, with NumPy arrays in and out.
Neither imports `recommenders_tf`: a SavedModel carries all that serving needs.
"""
