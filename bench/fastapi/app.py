"""Two endpoints of Reef with FastAPI: one select for each request, no authentication, no log. The caller is named by the header
X-User-Id, as behind a gateway that has authenticated the request. DATABASE_URL names the tables of Reef, and uvicorn serves them
with one process, which is its default."""

import os
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

URL = os.environ["DATABASE_URL"]

if URL.startswith("sqlite:"):
    import sqlite as database
else:
    import postgres as database

T = TypeVar("T")


def to_text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


Time = Annotated[datetime, PlainSerializer(to_text)]


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, protected_namespaces=())


class Status(Model):
    id: UUID
    status: str
    status_message: str | None
    worker_url: str | None


class Record(Model):
    id: UUID
    user_id: UUID
    organization_id: UUID | None = None
    name: str
    model_provider: str | None
    model_id: str | None
    channel_type: str
    api_mode: str
    worker_name: str | None
    worker_url: str | None
    status: str
    status_message: str | None
    payment_status: str
    polar_subscription_id: str | None
    current_period_end: Time | None
    canceled_at: Time | None
    is_prebuy: bool
    user_callback_url: str | None
    created_at: Time
    updated_at: Time


class Data(BaseModel, Generic[T]):
    data: T


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with database.connect(URL) as app.state.database:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/api/v1/assistants/{id}/status")
async def status(id: UUID, x_user_id: Annotated[UUID, Header()]) -> Data[Status]:
    row = await app.state.database.find_status(id, x_user_id)
    if row is None:
        raise HTTPException(404)
    return Data(data=Status(**row))


@app.get("/api/v1/assistants")
async def list_assistants(x_user_id: Annotated[UUID, Header()], limit: int = 100) -> Data[list[Record]]:
    rows = await app.state.database.list_records(x_user_id, limit)
    return Data(data=[Record(**row) for row in rows])
