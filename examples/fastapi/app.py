"""A text generator in two sizes. Who may use which is said where the endpoint is: `Depends(Guard(...))`.

Run it with the issuer to trust and its own address as audience:

    PORTCULLIS_ISSUER=http://127.0.0.1:8080 PORTCULLIS_AUDIENCE=http://127.0.0.1:8081 uvicorn app:app --port 9000
"""

import random
from collections import defaultdict
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from portcullis import Claims, Guard
from pydantic import BaseModel, Field

app = FastAPI(title="Text generation")


class Prompt(BaseModel):
    prompt: str = Field("", max_length=2000)
    seed: int = 0


class Text(BaseModel):
    text: str
    model: str
    caller: str


class Babbler:
    """The smallest language model there is: which word follows which, learnt from the text beside."""

    def __init__(self, text: str, longest: int) -> None:
        self.longest = longest
        self.words = text.split()
        self.followers: defaultdict[str, list[str]] = defaultdict(list)
        for word, following in zip(self.words, self.words[1:], strict=False):
            self.followers[word].append(following)

    def generate(self, prompt: Prompt) -> str:
        chance = random.Random(prompt.seed)
        said = prompt.prompt.split() or [chance.choice(self.words)]
        for _ in range(self.longest):
            said.append(chance.choice(self.followers.get(said[-1]) or self.words))
        return " ".join(said)


LEARNT = (Path(__file__).parent / "README.md").read_text()
small, large = Babbler(LEARNT, 20), Babbler(LEARNT, 200)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/generate")
def generate(prompt: Prompt, claims: Annotated[Claims, Depends(Guard("generate:basic"))]) -> Text:
    return Text(text=small.generate(prompt), model="small", caller=claims.client_id)


@app.post("/generate/premium")
def generate_premium(prompt: Prompt, claims: Annotated[Claims, Depends(Guard("generate:advanced"))]) -> Text:
    return Text(text=large.generate(prompt), model="large", caller=claims.client_id)
