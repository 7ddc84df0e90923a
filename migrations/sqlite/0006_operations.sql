-- Sessions are kept under a hash of what the cookie carries; those kept under the cookie's own value end.
delete from sessions;

-- The trace that a job continues (W3C traceparent): that of the request which asked for it.
alter table jobs add column traceparent text;
