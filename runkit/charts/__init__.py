"""Pictures of runs: Gantt charts as plotly figures that stay private, bounded and readable."""
