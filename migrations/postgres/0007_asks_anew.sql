-- While Polar sends no webhooks, what it was not asked about since is asked about sooner.
alter table polar_asks add column asked_at timestamptz;         -- when last
alter table polar_pace add column ask_all_before timestamptz;   -- what was last asked about before then is asked about anew
