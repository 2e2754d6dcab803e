"""Reports to share: a template is executed on redacted data and becomes one offline HTML file."""
