"""Questions to the path of a pull, asked from wherever this package runs.

It travels to nodes inside one zip with dnspython and urllib3, runs under their Python (3.9 and later), imports nothing of
kubectl_imagepull and judges nothing: each module asks one question and says what it saw.
"""
