"""The tasks of TFRS, in float32 and with AutoGraph off around them."""
