-- Indexes for the work that is done periodically, so that it takes as long as there is something to do, however many rows
-- there are besides.
create index assistants_active on assistants (id) where status = 'active';
create index assistants_credit_refused on assistants (id) where credit_refused_at is not null;
create index workers_polling on workers (worker_name) where polling;
create index jobs_dead on jobs (kind, dead_at) where dead_at is not null;
create index deliveries_finished_at on deliveries (finished_at) where finished_at is not null;
create index bot_updates_done_at on bot_updates (done_at) where done_at is not null;
create index polar_inbox_processed_at on polar_inbox (processed_at) where processed_at is not null;
create index revocations_confirmed_at on revocations (confirmed_at) where confirmed_at is not null;
create index sessions_flash_expires_at on sessions (flash_expires_at) where flash_expires_at is not null;
create index totp_unconfirmed on totp (created_at) where confirmed_at is null;
create index mails_token on mails (created_at) where token is not null;
create index throttles_expires_at on throttles (expires_at);

-- Whether the assistant is deleted. Its row is pruned when no check is left.
alter table payment_checks add column assistant_deleted boolean not null default false;
update payment_checks set assistant_deleted = true
 where not exists (select 1 from assistants where assistants.id = payment_checks.assistant_id);
create index payment_checks_over on payment_checks (assistant_id) where assistant_deleted and next_check_at is null;

-- Tombstones stay when the events of their assistants are pruned, and keys when their requests are.
alter table tombstones add column events_pruned boolean not null default false;
create index tombstones_events on tombstones (deleted_at) where not events_pruned;
alter table api_keys add column requests_pruned boolean not null default false;
create index api_keys_revoked_at on api_keys (revoked_at) where revoked_at is not null and not requests_pruned;
create index api_keys_expires_at on api_keys (expires_at) where expires_at is not null and not requests_pruned;
