#!/bin/sh
# As the official image starts its server; a flag that is given again replaces these.
exec python -m serving.server --port=8500 --rest_api_port=8501 \
    --model_name="$MODEL_NAME" --model_base_path="$MODEL_BASE_PATH/$MODEL_NAME" "$@"
