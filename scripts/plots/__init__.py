"""Pictures of dashboards for the documentation: real queries, a real Prometheus, our own plotter.

``python -m scripts.plots`` writes them to docs/grafana.
"""
