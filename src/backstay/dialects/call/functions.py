"""Functions: code callable from outside, run as the caller and answered in the wire's forms."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from backstay.dialects.call.answer import Answers
from backstay.dialects.call.arguments import take_arguments
from backstay.dialects.call.find import find_function
from backstay.dialects.call.labels import labels_of
from backstay.dialects.execute import Judge
from backstay.dialects.guarded import guarded_session
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.query.nodes import Call
from backstay.schema.caller import Caller
from backstay.schema.served import SQLFunction
from backstay.settings import Settings

if TYPE_CHECKING:
    from backstay.dialects.postgresql.call import SQLFunctions


class Functions:
    """Answers calls, on the same road as queries.

    Every caller may call every function; inside it their rules hold. What it returns is answered as it is, but for the
    hidden columns of rows, which are never shown.

    Arguments:
        road: whose schema and database they are.
        settings: ``plan_cache``, ``aggregates``, ``max_rows``.
    """

    def __init__(self, road: Road, settings: Settings) -> None:
        self._road = road
        self._settings = settings
        self._answers = Answers(road, settings)

    @cached_property
    def _of_database(self) -> SQLFunctions:
        # Loaded for databases that have functions: the import takes a while.
        from backstay.dialects.postgresql.call import SQLFunctions

        return SQLFunctions(self._road, self._settings)

    async def call(self, query: Call, caller: Caller, judge: Judge) -> Reply:
        """Run a function in one transaction of the caller's.

        Arguments:
            query: its name and arguments, and how rows shall be shaped.
            caller: whose rules hold.
            judge: looks at the reply before the commit; what it raises undoes everything.

        Raises:
            UnknownFunction: there is none of that name with these arguments.
            DataFault, DatabaseFault, BodyError: an argument is not what it should be.
            ReadOnly: the function writes, and the call may not (GET).
            And whatever the function raises: an error of :mod:`backstay.errors` comes to the caller as it is.
        """
        schema = self._road.schema
        function = find_function(schema, query, caller)
        if isinstance(function, SQLFunction):
            return await self._of_database.call(function, query, caller, judge)
        places, names = take_arguments(function, query, caller, labels_of(schema))
        database = self._road.engine.database
        async with guarded_session(schema, database, caller, readonly=query.readonly) as session:
            result = await function.call(session, *places, **names)
            await session.flush()
            reply = await self._answers.reply(session, function, query, result, caller)
            judge(reply)
        return reply
