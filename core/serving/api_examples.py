"""How a program asks, in three languages: shown on the API's page, and run by the tests as they stand here.

Each takes the token from DARKROOM_TOKEN and the picture's path as its one argument, and prints the answer.
"""

from __future__ import annotations

CURL = """\
curl --fail-with-body --silent --show-error \\
  --header "Authorization: Bearer $DARKROOM_TOKEN" \\
  --form "file=@$1" \\
  ADDRESS/api/v1/models/MODEL/predict
"""

PYTHON = """\
import json, os, sys, urllib.error, urllib.request

with open(sys.argv[1], "rb") as file:
    picture = file.read()
request = urllib.request.Request(
    "ADDRESS/api/v1/models/MODEL/predict",
    data=picture,
    headers={"Authorization": "Bearer " + os.environ["DARKROOM_TOKEN"], "Content-Type": "image/jpeg"},
)
try:
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
except urllib.error.HTTPError as error:
    sys.exit(json.load(error)["error"])
print(answer["label"], answer["confidence"])
"""

JAVASCRIPT = """\
import { readFile } from "node:fs/promises";

const response = await fetch("ADDRESS/api/v1/models/MODEL/predict", {
  method: "POST",
  headers: { Authorization: `Bearer ${process.env.DARKROOM_TOKEN}`, "Content-Type": "image/jpeg" },
  body: await readFile(process.argv[2]),
});
const answer = await response.json();
if (!response.ok) throw new Error(answer.error);
console.log(answer.label, answer.confidence);
"""

EXAMPLES = (("curl", "Shell", CURL), ("Python", "Python", PYTHON), ("JavaScript", "JavaScript", JAVASCRIPT))


def written(source: str, address: str, model: str) -> str:
    """An example for a server and a model."""
    return source.replace("ADDRESS", address).replace("MODEL", model)
