"""What Middesk's API says, and what is assumed where its pages say nothing (`contract.md`).

contract      the API's times, request bodies, and how responses are read
jsontext      JSON text with orjson, within its limits
words         the words of each vocabulary: labels, order, colors, meanings
validation    the check of the API's JSON by the annotations of the models
reading       what the parts of a run say: agents, reasons, questions, answers
models        a run and its parts, as views of checked JSON: `Run`
other_models  the API's other objects: agents, threads, businesses, feedback, actions, documents
questions     how questions are answered, and checks of an answer
"""
