"""TF Serving's REST API over the same handlers as gRPC.

`app` listens and answers, `routes` reads a path. `json_text` reads a body as TF Serving's parser
does, errors included (`rapid_json`); `requests` makes the API's messages of it with `arrays`,
`byte_strings` and `examples`, and `responses` writes the answers with `array_text`.
"""
