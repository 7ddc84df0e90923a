"""The queries on PostgreSQL, with a pool of asyncpg, which prepares each statement once for each connection."""

from contextlib import asynccontextmanager

import asyncpg

from queries import LIST, STATUS


@asynccontextmanager
async def connect(url):
    async with asyncpg.create_pool(url) as pool:
        yield Postgres(pool)


class Postgres:
    def __init__(self, pool):
        self.pool = pool

    async def find_status(self, id, user_id):
        return await self.pool.fetchrow(STATUS.format("$1", "$2"), id, user_id)

    async def list_records(self, user_id, limit):
        return await self.pool.fetch(LIST.format("$1", "$2"), user_id, limit)
