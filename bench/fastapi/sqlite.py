"""The queries on SQLite, which stores ids as 16 bytes and times as milliseconds since 1970. aiosqlite runs them in a thread."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import aiosqlite

from queries import LIST, STATUS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = ("current_period_end", "canceled_at", "created_at", "updated_at")


@asynccontextmanager
async def connect(url):
    async with aiosqlite.connect(url.replace("sqlite://", "")) as connection:
        connection.row_factory = aiosqlite.Row
        yield Sqlite(connection)


class Sqlite:
    def __init__(self, connection):
        self.connection = connection

    async def find_status(self, id, user_id):
        rows = await self.connection.execute_fetchall(STATUS.format("?", "?"), (id.bytes, user_id.bytes))
        return next((parse(row) for row in rows), None)

    async def list_records(self, user_id, limit):
        rows = await self.connection.execute_fetchall(LIST.format("?", "?"), (user_id.bytes, limit))
        return [parse(row) for row in rows]


def parse(row):
    values = dict(row)
    for name in ("id", "user_id"):
        if name in values:
            values[name] = UUID(bytes=values[name])
    for name in TIMES:
        if values.get(name) is not None:
            values[name] = EPOCH + timedelta(milliseconds=values[name])
    return values
