"""Parts of ``bench.endpoint_truth``: what is planted, the clients, and what they reported."""
