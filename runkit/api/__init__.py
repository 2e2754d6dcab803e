"""What Middesk's API says, and what is assumed where its pages say nothing (`contract.md`).

contract        the API's formats: JSON text, times, and how responses are read
words           the words of each vocabulary: labels, order, colors, meanings
reading         what the parts of a run say: agents, reasons, questions, answers, results
question_kinds  how each kind of question is answered, and checks of an answer
questions       the questions of a run, each with its outcome: which of them are open
views           the API's JSON as objects: their check against the contract, and their attributes
models          the objects: a run and its parts, agents, threads, businesses, documents, events
"""
