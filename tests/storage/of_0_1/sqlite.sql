-- A database of version 0.1 (migration 0009), as its own program made and filled it. All content is invented.
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE bundles (
	hash VARCHAR(64) NOT NULL, 
	json TEXT NOT NULL, 
	CONSTRAINT pk_bundles PRIMARY KEY (hash)
);
CREATE TABLE cards (
	hash VARCHAR(64) NOT NULL, 
	json TEXT NOT NULL, 
	CONSTRAINT pk_cards PRIMARY KEY (hash)
);
CREATE TABLE counters (
	id INTEGER NOT NULL, 
	last_run INTEGER NOT NULL, 
	CONSTRAINT pk_counters PRIMARY KEY (id), 
	CONSTRAINT ck_counters_one_row CHECK (id = 1)
);
CREATE TABLE entries (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	title TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	authors TEXT NOT NULL, 
	author_count INTEGER NOT NULL, 
	organization TEXT NOT NULL, 
	published_at DATETIME, 
	listed_on DATE, 
	categories TEXT NOT NULL, 
	ai_keywords TEXT NOT NULL, 
	ai_summary TEXT NOT NULL, 
	note TEXT NOT NULL, 
	upvotes INTEGER, 
	comments INTEGER, 
	code_stars INTEGER, 
	url TEXT NOT NULL, 
	pdf_url TEXT NOT NULL, 
	discussion_url TEXT NOT NULL, 
	code_url TEXT NOT NULL, 
	project_url TEXT NOT NULL, 
	listing_url TEXT NOT NULL, 
	first_seen_run INTEGER NOT NULL, 
	first_seen_at DATETIME NOT NULL, primary_category TEXT DEFAULT '' NOT NULL, version INTEGER DEFAULT '0' NOT NULL, withdrawn BOOLEAN DEFAULT 0 NOT NULL, thumbnail_url TEXT DEFAULT '' NOT NULL, media_urls TEXT DEFAULT '[]' NOT NULL, 
	CONSTRAINT pk_entries PRIMARY KEY (id), 
	CONSTRAINT uq_entries_key UNIQUE ("key")
);
CREATE INDEX ix_entries_first_seen_at ON entries (first_seen_at);
CREATE INDEX ix_entries_first_seen_run ON entries (first_seen_run);
CREATE TABLE instances (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	host TEXT NOT NULL, 
	boot TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	heartbeat_at DATETIME NOT NULL
);
CREATE TABLE runs (
	number INTEGER NOT NULL, 
	visible_at DATETIME NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (number), 
	CONSTRAINT ck_runs_number CHECK (number > 0)
);
CREATE TABLE settings (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_settings PRIMARY KEY ("key")
);
CREATE TABLE subscribers (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	address TEXT NOT NULL, 
	name TEXT NOT NULL, 
	language TEXT NOT NULL, 
	days TEXT NOT NULL, 
	local_time TEXT NOT NULL, 
	zone TEXT NOT NULL, 
	topics_json TEXT NOT NULL, 
	everything_else INTEGER NOT NULL, 
	consent VARCHAR(20) NOT NULL, 
	counted_run INTEGER NOT NULL, 
	next_due_at DATETIME, 
	file_owned BOOLEAN NOT NULL, layout TEXT DEFAULT '' NOT NULL, wake_at DATETIME, paused_by_file BOOLEAN DEFAULT 0 NOT NULL, declined BOOLEAN DEFAULT 0 NOT NULL, decided_at DATETIME, address_key TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT ck_subscribers_consent CHECK (consent IN ('unconfirmed', 'confirmed', 'paused', 'left')), 
	CONSTRAINT ck_subscribers_counted_run CHECK (counted_run >= 0), 
	CONSTRAINT uq_subscribers_address UNIQUE (address)
);
CREATE INDEX ix_subscribers_next_due_at ON subscribers (next_due_at);
CREATE TABLE suppressions (
	id INTEGER NOT NULL, 
	address TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	since DATETIME NOT NULL, 
	lifted_at DATETIME, 
	lifted_why TEXT NOT NULL, is_complaint BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_suppressions PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_suppressions_address_in_force ON suppressions (address) WHERE lifted_at IS NULL;
CREATE TABLE validators (
	location TEXT NOT NULL, 
	etag TEXT NOT NULL, 
	last_modified TEXT NOT NULL, 
	content_hash TEXT NOT NULL, following TEXT DEFAULT '' NOT NULL, listed_on DATE, listed INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_validators PRIMARY KEY (location)
);
CREATE TABLE consents (
	id INTEGER NOT NULL, 
	subscriber INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	consent VARCHAR(20) NOT NULL, 
	why TEXT NOT NULL, origin TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_consents PRIMARY KEY (id), 
	CONSTRAINT ck_consents_consent CHECK (consent IN ('unconfirmed', 'confirmed', 'paused', 'left')), 
	CONSTRAINT fk_consents_subscriber FOREIGN KEY(subscriber) REFERENCES subscribers (id)
);
CREATE INDEX ix_consents_subscriber ON consents (subscriber);
CREATE TABLE entry_keys (
	"key" TEXT NOT NULL, 
	entry INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	CONSTRAINT pk_entry_keys PRIMARY KEY ("key"), 
	CONSTRAINT fk_entry_keys_entry FOREIGN KEY(entry) REFERENCES entries (id)
);
CREATE INDEX ix_entry_keys_entry ON entry_keys (entry);
CREATE TABLE fetches (
	id INTEGER NOT NULL, 
	run INTEGER, 
	source TEXT NOT NULL, 
	state VARCHAR(30) NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME NOT NULL, 
	listed INTEGER NOT NULL, 
	new INTEGER NOT NULL, 
	requests INTEGER NOT NULL, 
	message TEXT NOT NULL, 
	CONSTRAINT pk_fetches PRIMARY KEY (id), 
	CONSTRAINT ck_fetches_state CHECK (state IN ('ok', 'unchanged', 'empty-as-expected', 'empty-unexpected', 'stale', 'partial', 'failed')), 
	CONSTRAINT fk_fetches_run FOREIGN KEY(run) REFERENCES runs (number)
);
CREATE INDEX ix_fetches_finished_at ON fetches (finished_at);
CREATE INDEX ix_fetches_source_id ON fetches (source, id);
CREATE TABLE observations (
	entry INTEGER NOT NULL, 
	observed_at DATETIME NOT NULL, 
	upvotes INTEGER, 
	comments INTEGER, 
	CONSTRAINT pk_observations PRIMARY KEY (entry, observed_at), 
	CONSTRAINT fk_observations_entry FOREIGN KEY(entry) REFERENCES entries (id)
);
CREATE INDEX ix_observations_observed_at ON observations (observed_at);
CREATE TABLE sightings (
	id INTEGER NOT NULL, 
	entry INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	guid TEXT NOT NULL, 
	listed_on VARCHAR(10) NOT NULL, 
	listing_url TEXT NOT NULL, seen_at DATETIME DEFAULT '1970-01-01 00:00:00.000000' NOT NULL, 
	CONSTRAINT pk_sightings PRIMARY KEY (id), 
	CONSTRAINT fk_sightings_entry FOREIGN KEY(entry) REFERENCES entries (id), 
	CONSTRAINT uq_sightings_entry_source_guid_listed_on UNIQUE (entry, source, guid, listed_on)
);
CREATE TABLE sources (
	name TEXT NOT NULL, 
	first_run INTEGER NOT NULL, 
	CONSTRAINT pk_sources PRIMARY KEY (name), 
	CONSTRAINT fk_sources_first_run FOREIGN KEY(first_run) REFERENCES runs (number)
);
CREATE TABLE attempts (
	delivery INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	outcome VARCHAR(20) NOT NULL, 
	reply TEXT NOT NULL, relay TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_attempts PRIMARY KEY (delivery, number), 
	CONSTRAINT ck_attempts_outcome CHECK (outcome IN ('accepted', 'deferred', 'rejected', 'uncertain')), 
	CONSTRAINT ck_attempts_number CHECK (number > 0), 
	CONSTRAINT fk_attempts_delivery FOREIGN KEY(delivery) REFERENCES deliveries (id)
);
CREATE TABLE delivery_entries (
	delivery INTEGER NOT NULL, 
	entry INTEGER NOT NULL, 
	topic TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	shown BOOLEAN NOT NULL, 
	CONSTRAINT pk_delivery_entries PRIMARY KEY (delivery, entry), 
	CONSTRAINT fk_delivery_entries_delivery FOREIGN KEY(delivery) REFERENCES deliveries (id), 
	CONSTRAINT fk_delivery_entries_entry FOREIGN KEY(entry) REFERENCES entries (id)
)
 WITHOUT ROWID
;
CREATE INDEX ix_delivery_entries_entry ON delivery_entries (entry);
CREATE TABLE entry_events (
	id INTEGER NOT NULL, 
	entry INTEGER NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	detail TEXT NOT NULL, 
	source TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_entry_events PRIMARY KEY (id), 
	CONSTRAINT ck_entry_events_kind CHECK (kind IN ('new-version', 'cross-listed', 'withdrawn')), 
	CONSTRAINT fk_entry_events_entry FOREIGN KEY(entry) REFERENCES entries (id), 
	CONSTRAINT uq_entry_events_entry_kind_detail UNIQUE (entry, kind, detail)
);
CREATE TABLE source_health (
	source TEXT NOT NULL, 
	failures INTEGER NOT NULL, 
	not_before DATETIME, 
	why TEXT NOT NULL, 
	CONSTRAINT pk_source_health PRIMARY KEY (source), 
	CONSTRAINT ck_source_health_failures CHECK (failures >= 0)
);
CREATE TABLE moves (
	location TEXT NOT NULL, 
	target TEXT NOT NULL, 
	since DATETIME NOT NULL, 
	CONSTRAINT pk_moves PRIMARY KEY (location)
);
CREATE INDEX ix_subscribers_wake_at ON subscribers (wake_at);
CREATE TABLE bounces (
	id INTEGER NOT NULL, 
	report_hash VARCHAR(64) NOT NULL, 
	delivery INTEGER, 
	address TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	status TEXT NOT NULL, 
	diagnostic TEXT NOT NULL, 
	action TEXT NOT NULL, 
	CONSTRAINT pk_bounces PRIMARY KEY (id), 
	CONSTRAINT fk_bounces_delivery FOREIGN KEY(delivery) REFERENCES deliveries (id), 
	CONSTRAINT uq_bounces_report_hash UNIQUE (report_hash)
);
CREATE INDEX ix_bounces_address_at ON bounces (address, at);
CREATE INDEX ix_bounces_at ON bounces (at);
CREATE TABLE relay_days (
	relay TEXT NOT NULL, 
	day DATE NOT NULL, 
	messages INTEGER NOT NULL, 
	CONSTRAINT pk_relay_days PRIMARY KEY (relay, day), 
	CONSTRAINT ck_relay_days_messages CHECK (messages >= 0)
);
CREATE TABLE "deliveries" (
	id INTEGER NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	"key" VARCHAR(100) NOT NULL, 
	recipient INTEGER NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	slot_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	attempt INTEGER DEFAULT '0' NOT NULL, 
	next_attempt_at DATETIME, 
	last_reply TEXT DEFAULT ('') NOT NULL, 
	uncertain_at DATETIME, 
	resends INTEGER DEFAULT '0' NOT NULL, 
	claimed_by INTEGER, 
	state_before_claim VARCHAR(20), 
	lost_by INTEGER, 
	address TEXT, 
	after_run INTEGER, 
	upto_run INTEGER, 
	content_json TEXT, 
	card_hashes TEXT, 
	bundle_hash VARCHAR(64), 
	content_hash VARCHAR(64), 
	size_bytes INTEGER, 
	relay TEXT DEFAULT ('') NOT NULL, 
	message_id TEXT, 
	CONSTRAINT pk_deliveries PRIMARY KEY (id), 
	CONSTRAINT ck_deliveries_claimed_by CHECK ((state IN ('claimed', 'in_data')) = (claimed_by IS NOT NULL)), 
	CONSTRAINT ck_deliveries_kept_for_release CHECK ((state IN ('claimed', 'in_data')) = (state_before_claim IS NOT NULL)), 
	CONSTRAINT fk_deliveries_bundle_hash FOREIGN KEY(bundle_hash) REFERENCES bundles (hash), 
	CONSTRAINT ck_deliveries_frozen CHECK (state NOT IN ('in_data', 'accepted', 'uncertain') OR content_hash IS NOT NULL), 
	CONSTRAINT fk_deliveries_claimed_by FOREIGN KEY(claimed_by) REFERENCES instances (id), 
	CONSTRAINT ck_deliveries_state_before_claim CHECK (state_before_claim IN ('queued', 'deferred', 'uncertain')), 
	CONSTRAINT ck_deliveries_deferred CHECK (state <> 'deferred' OR next_attempt_at IS NOT NULL), 
	CONSTRAINT ck_deliveries_uncertain CHECK (state <> 'uncertain' OR uncertain_at IS NOT NULL), 
	CONSTRAINT ck_deliveries_window CHECK (after_run <= upto_run), 
	CONSTRAINT fk_deliveries_recipient FOREIGN KEY(recipient) REFERENCES subscribers (id), 
	CONSTRAINT ck_deliveries_state CHECK (state IN ('queued', 'claimed', 'in_data', 'deferred', 'accepted', 'rejected', 'suppressed', 'expired', 'uncertain', 'empty', 'skipped')), 
	CONSTRAINT uq_deliveries_kind_key_recipient UNIQUE (kind, "key", recipient), 
	CONSTRAINT ck_deliveries_kind CHECK (kind IN ('digest', 'confirm', 'changed', 'goodbye', 'alert', 'login')), 
	CONSTRAINT ck_deliveries_notice CHECK (kind = 'digest' OR content_json IS NOT NULL)
);
CREATE INDEX ix_deliveries_message_id ON deliveries (message_id);
CREATE INDEX ix_deliveries_recipient_key ON deliveries (recipient, "key");
CREATE INDEX ix_deliveries_state_next_attempt_at_id ON deliveries (state, next_attempt_at, id);
CREATE INDEX ix_deliveries_notices ON deliveries (state, next_attempt_at) WHERE kind != 'digest';
CREATE TABLE confirmations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	asked VARCHAR(20) NOT NULL, 
	subscriber INTEGER NOT NULL, 
	address TEXT NOT NULL, 
	wanted_json TEXT NOT NULL, 
	origin TEXT NOT NULL, 
	asked_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	done_at DATETIME, 
	CONSTRAINT fk_confirmations_subscriber FOREIGN KEY(subscriber) REFERENCES subscribers (id), 
	CONSTRAINT ck_confirmations_asked CHECK (asked IN ('subscribe', 'address', 'login'))
);
CREATE INDEX ix_confirmations_address_asked_at ON confirmations (address, asked_at);
CREATE INDEX ix_confirmations_subscriber ON confirmations (subscriber);
CREATE INDEX ix_confirmations_expires_at ON confirmations (expires_at);
CREATE TABLE sessions (
	token_hash VARCHAR(64) NOT NULL, 
	address TEXT NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (token_hash)
);
CREATE INDEX ix_sightings_listed_on_entry ON sightings (listed_on, entry);
CREATE INDEX ix_entries_listed_on_first_seen_at ON entries (listed_on, first_seen_at);
CREATE VIRTUAL TABLE entry_words USING fts5(title, rest, tokenize="ascii tokenchars '.+#'");
CREATE INDEX ix_deliveries_kind_key_state ON deliveries (kind, "key", state);
CREATE UNIQUE INDEX uq_subscribers_address_key ON subscribers (address_key);
INSERT INTO alembic_version (version_num) VALUES ('0009');
INSERT INTO bundles (hash, json) VALUES ('f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '{"cards/digest.html.j2":"{{ digest }} – invented"}');
INSERT INTO cards (hash, json) VALUES ('6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c', '{"author_count":12,"authors":["Ada Example","Žofia Příkladová"],"code_stars":1200,"code_url":"https://example.org/1/code","comments":3,"discussion_url":"https://example.org/1/talk","is_model_summary":true,"key":"arxiv:2606.00001","listed_on":"2026-06-16","organization":"Example Lab","pdf_url":"https://example.org/1.pdf","project_url":"https://example.org/1/project","published_on":"2026-06-15","summary":"It does something new.","title":"Retrieval “as” a habit: 100 % of $\\alpha$","upvotes":47,"url":"https://example.org/1"}');
INSERT INTO cards (hash, json) VALUES ('7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383', '{"author_count":0,"authors":[],"code_stars":null,"code_url":"","comments":null,"discussion_url":"","is_model_summary":false,"key":"arxiv:2606.00002","listed_on":null,"organization":"","pdf_url":"","project_url":"","published_on":null,"summary":"","title":"ورقة عن الاسترجاع 🔬","upvotes":null,"url":""}');
INSERT INTO cards (hash, json) VALUES ('ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc', '{"author_count":0,"authors":[],"code_stars":null,"code_url":"","comments":null,"discussion_url":"","is_model_summary":false,"key":"doi:10.5555/example.5","listed_on":"2026-06-16","organization":"","pdf_url":"","project_url":"","published_on":null,"summary":"","title":"On phones","upvotes":0,"url":""}');
INSERT INTO cards (hash, json) VALUES ('db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4', '{"author_count":0,"authors":[],"code_stars":null,"code_url":"","comments":null,"discussion_url":"","is_model_summary":false,"key":"arxiv:2606.00006","listed_on":null,"organization":"","pdf_url":"","project_url":"","published_on":null,"summary":"","title":"Something else","upvotes":null,"url":""}');
INSERT INTO counters (id, last_run) VALUES (1, 2);
INSERT INTO entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (1, 'arxiv:2606.00001', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00.000000', '2026-06-16', '[]', '["rag", "memory"]', '', '', 10, 1, NULL, 'https://example.org/1', '', '', '', '', '', 1, '2026-06-16 06:00:00.000000', '', 2, 0, '', '[]');
INSERT INTO entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (2, 'arxiv:2606.00002', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00.000000', '2026-06-16', '[]', '[]', '', '', 20, 1, NULL, 'https://example.org/2', '', '', '', '', '', 1, '2026-06-16 06:00:00.000000', '', 0, 0, '', '[]');
INSERT INTO entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (3, 'arxiv:2606.00003', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00.000000', '2026-06-16', '[]', '[]', '', '', 30, 1, NULL, 'https://example.org/3', '', '', '', '', '', 1, '2026-06-16 06:00:00.000000', '', 0, 0, '', '[]');
INSERT INTO entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (4, 'arxiv:2606.00004', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00.000000', '2026-06-16', '[]', '[]', '', '', NULL, NULL, NULL, 'https://example.org/4', '', '', '', '', '', 2, '2026-06-16 06:00:00.000000', '', 0, 0, '', '[]');
INSERT INTO entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (5, 'arxiv:2606.00005', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00.000000', '2026-06-16', '[]', '[]', '', '', NULL, NULL, NULL, 'https://example.org/5', '', '', '', '', '', 2, '2026-06-16 06:00:00.000000', '', 0, 0, '', '[]');
INSERT INTO entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (6, 'arxiv:2606.00006', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00.000000', '2026-06-16', '[]', '[]', '', '', NULL, NULL, NULL, 'https://example.org/6', '', '', '', '', '', 2, '2026-06-16 06:00:00.000000', '', 0, 0, '', '[]');
INSERT INTO instances (id, host, boot, pid, heartbeat_at) VALUES (1, 'host', 'boot', 100, '2026-06-16 08:00:00.000000');
INSERT INTO runs (number, visible_at) VALUES (1, '2026-06-16 07:00:00.000000');
INSERT INTO runs (number, visible_at) VALUES (2, '2026-06-16 08:00:00.000000');
INSERT INTO settings (key, value) VALUES ('secret', '0101010101010101010101010101010101010101010101010101010101010101');
INSERT INTO settings (key, value) VALUES ('hold', 'the template is wrong');
INSERT INTO settings (key, value) VALUES ('zone_rules', '2026a');
INSERT INTO settings (key, value) VALUES ('relay_pause:smtp.example.org', '["2026-06-16T09:00:00+00:00", "451 4.7.1 slower \u2026", 2, "storm"]');
INSERT INTO settings (key, value) VALUES ('step_failure:collecting', '{"since": "2026-06-16T07:00:00+00:00", "times": 3, "at": "2026-06-16T08:00:00+00:00", "error": "the disk is full", "is_passing": true}');
INSERT INTO settings (key, value) VALUES ('relay_pause:old.example.org', '["2026-06-16T08:00:00+00:00", "no connection", 1]');
INSERT INTO settings (key, value) VALUES ('epoch:0123456789abcdef', '4');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (1, 'queued@example.org', 'Queued', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'queued@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (2, 'claimed@example.org', 'Claimed', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'claimed@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (3, 'in_data@example.org', 'In_Data', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'in_data@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (4, 'deferred@example.org', 'Deferred', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'deferred@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (5, 'accepted@example.org', 'Accepted', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'accepted@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (6, 'rejected@example.org', 'Rejected', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'rejected@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (7, 'suppressed@example.org', 'Suppressed', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'suppressed@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (8, 'expired@example.org', 'Expired', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'expired@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (9, 'uncertain@example.org', 'Uncertain', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'uncertain@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (10, 'empty@example.org', 'Empty', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'empty@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (11, 'skipped@example.org', 'Skipped', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00.000000', 1, '', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'skipped@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (12, 'Ada.Example@example.org', 'Ada', 'de', '[0, 3]', '06:30:00', 'Europe/Berlin', '["RAG",{"any":["agent*","tool use"],"name":"Agents"}]', 5, 'confirmed', 0, '2026-06-17 08:00:00.000000', 0, 'list', NULL, 0, 0, '2026-06-15 08:00:00.000000', 'ada.example@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (13, 'unconfirmed@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'unconfirmed', 0, NULL, 0, '', NULL, 0, 0, NULL, 'unconfirmed@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (14, 'paused@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'paused', 0, NULL, 0, '', NULL, 0, 0, '2026-06-16 08:00:00.000000', 'paused@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (15, 'waking@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'paused', 0, '2026-06-26 08:00:00.000000', 1, '', '2026-06-25 08:00:00.000000', 0, 0, '2026-06-16 08:00:00.000000', 'waking@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (16, 'absent@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'paused', 0, NULL, 1, '', NULL, 1, 0, '2026-06-16 08:00:00.000000', 'absent@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (17, 'left@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'left', 0, NULL, 1, '', NULL, 0, 0, '2026-06-16 08:00:00.000000', 'left@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (18, 'declined@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'left', 0, NULL, 1, '', NULL, 0, 1, '2026-06-16 08:00:00.000000', 'declined@example.org');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (19, 'ifqgfczwragdu36br4qku4tcfse4hogq@erased.invalid', '', '', '[0]', '07:00:00', 'UTC', '[]', 0, 'left', 0, NULL, 0, '', NULL, 0, 0, NULL, 'ifqgfczwragdu36br4qku4tcfse4hogq@erased.invalid');
INSERT INTO subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (20, 'complained@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'left', 0, NULL, 1, '', NULL, 0, 0, '2026-06-16 08:00:00.000000', 'complained@example.org');
INSERT INTO suppressions (id, address, reason, since, lifted_at, lifted_why, is_complaint) VALUES (1, 'suppressed@example.org', 'hard bounce', '2026-06-15 08:00:00.000000', NULL, '', 0);
INSERT INTO suppressions (id, address, reason, since, lifted_at, lifted_why, is_complaint) VALUES (2, 'complained@example.org', 'complaint', '2026-06-15 08:00:00.000000', NULL, '', 1);
INSERT INTO suppressions (id, address, reason, since, lifted_at, lifted_why, is_complaint) VALUES (3, 'accepted@example.org', 'hard bounce', '2026-06-07 08:00:00.000000', '2026-06-11 08:00:00.000000', 'lifted by the operator', 0);
INSERT INTO validators (location, etag, last_modified, content_hash, following, listed_on, listed) VALUES ('https://example.org/api', '"e1"', 'Mon, 15 Jun 2026 07:00:00 GMT', '0000000000000000000000000000000000000000000000000000000000000000', '', '2026-06-16', 3);
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (1, 1, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (2, 2, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (3, 3, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (4, 4, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (5, 5, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (6, 6, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (7, 7, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (8, 8, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (9, 9, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (10, 10, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (11, 11, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (12, 12, '2026-06-16 08:00:00.000000', 'confirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (13, 13, '2026-06-16 08:00:00.000000', 'unconfirmed', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (14, 14, '2026-06-16 08:00:00.000000', 'paused', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (15, 15, '2026-06-16 08:00:00.000000', 'paused', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (16, 16, '2026-06-16 08:00:00.000000', 'paused', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (17, 17, '2026-06-16 08:00:00.000000', 'left', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (18, 18, '2026-06-16 08:00:00.000000', 'left', 'added', '');
INSERT INTO consents (id, subscriber, at, consent, why, origin) VALUES (20, 20, '2026-06-16 08:00:00.000000', 'left', 'added', '');
INSERT INTO entry_keys (key, entry, position) VALUES ('arxiv:2606.00001', 1, 0);
INSERT INTO entry_keys (key, entry, position) VALUES ('arxiv:2606.00002', 2, 0);
INSERT INTO entry_keys (key, entry, position) VALUES ('arxiv:2606.00003', 3, 0);
INSERT INTO entry_keys (key, entry, position) VALUES ('arxiv:2606.00004', 4, 0);
INSERT INTO entry_keys (key, entry, position) VALUES ('arxiv:2606.00005', 5, 0);
INSERT INTO entry_keys (key, entry, position) VALUES ('arxiv:2606.00006', 6, 0);
INSERT INTO entry_keys (key, entry, position) VALUES ('doi:10.5555/example.1', 1, 1);
INSERT INTO fetches (id, run, source, state, started_at, finished_at, listed, new, requests, message) VALUES (1, 1, 'hf', 'ok', '2026-06-16 07:00:00.000000', '2026-06-16 07:00:00.000000', 3, 3, 1, '');
INSERT INTO fetches (id, run, source, state, started_at, finished_at, listed, new, requests, message) VALUES (2, NULL, 'arxiv', 'failed', '2026-06-16 07:00:00.000000', '2026-06-16 07:00:00.000000', 0, 0, 0, 'it does not answer');
INSERT INTO observations (entry, observed_at, upvotes, comments) VALUES (1, '2026-06-16 07:00:00.000000', 10, 1);
INSERT INTO observations (entry, observed_at, upvotes, comments) VALUES (2, '2026-06-16 07:00:00.000000', 20, 1);
INSERT INTO observations (entry, observed_at, upvotes, comments) VALUES (3, '2026-06-16 07:00:00.000000', 30, 1);
INSERT INTO sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (1, 1, 'hf', '2606.00001', '2026-06-16', '', '2026-06-16 07:00:00.000000');
INSERT INTO sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (2, 2, 'hf', '2606.00002', '2026-06-16', '', '2026-06-16 07:00:00.000000');
INSERT INTO sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (3, 3, 'hf', '2606.00003', '2026-06-16', '', '2026-06-16 07:00:00.000000');
INSERT INTO sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (4, 4, 'arxiv', '2606.00004', '2026-06-16', '', '2026-06-16 08:00:00.000000');
INSERT INTO sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (5, 5, 'arxiv', '2606.00005', '2026-06-16', '', '2026-06-16 08:00:00.000000');
INSERT INTO sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (6, 6, 'arxiv', '2606.00006', '2026-06-16', '', '2026-06-16 08:00:00.000000');
INSERT INTO sources (name, first_run) VALUES ('hf', 1);
INSERT INTO sources (name, first_run) VALUES ('arxiv', 2);
INSERT INTO attempts (delivery, number, at, outcome, reply, relay) VALUES (4, 1, '2026-06-16 08:00:00.000000', 'deferred', '451 4.7.1 try again later', 'smtp.example.org');
INSERT INTO attempts (delivery, number, at, outcome, reply, relay) VALUES (5, 1, '2026-06-16 08:00:00.000000', 'accepted', '250 2.0.0 queued as 1', 'smtp.example.org');
INSERT INTO attempts (delivery, number, at, outcome, reply, relay) VALUES (6, 1, '2026-06-16 08:00:00.000000', 'rejected', '550 5.1.1 no such user', 'smtp.example.org');
INSERT INTO attempts (delivery, number, at, outcome, reply, relay) VALUES (9, 1, '2026-06-16 08:00:00.000000', 'uncertain', 'no answer in 600 s', 'smtp.example.org');
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (3, 1, 'RAG', 0, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (3, 2, 'RAG', 1, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (3, 3, 'RAG', 4, 0);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (3, 4, 'RAG', 5, 0);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (3, 5, 'Small models', 2, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (3, 6, '', 3, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (4, 1, 'RAG', 0, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (4, 2, 'RAG', 1, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (4, 3, 'RAG', 4, 0);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (4, 4, 'RAG', 5, 0);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (4, 5, 'Small models', 2, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (4, 6, '', 3, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (5, 1, 'RAG', 0, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (5, 2, 'RAG', 1, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (5, 3, 'RAG', 4, 0);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (5, 4, 'RAG', 5, 0);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (5, 5, 'Small models', 2, 1);
INSERT INTO delivery_entries (delivery, entry, topic, position, shown) VALUES (5, 6, '', 3, 1);
INSERT INTO entry_events (id, entry, kind, detail, source, at) VALUES (1, 1, 'new-version', 'v2', 'arxiv', '2026-06-16 08:00:00.000000');
INSERT INTO source_health (source, failures, not_before, why) VALUES ('arxiv', 2, '2026-06-16 09:00:00.000000', 'it does not answer');
INSERT INTO moves (location, target, since) VALUES ('http://example.org/feed', 'https://example.org/feed', '2026-06-15 08:00:00.000000');
INSERT INTO bounces (id, report_hash, delivery, address, at, kind, status, diagnostic, action) VALUES (1, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 6, 'rejected@example.org', '2026-06-16 08:00:00.000000', 'hard', '5.1.1', '550 no such user', 'suppressed');
INSERT INTO bounces (id, report_hash, delivery, address, at, kind, status, diagnostic, action) VALUES (2, 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', NULL, '', '2026-06-16 08:00:00.000000', 'none', '', '', 'ignored');
INSERT INTO relay_days (relay, day, messages) VALUES ('smtp.example.org', '2026-06-16', 4);
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (1, 'digest', '2026-06-16', 1, 'queued', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 0, '2026-06-16 07:00:00.000000', '', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (2, 'digest', '2026-06-16', 2, 'claimed', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 0, '2026-06-16 07:00:00.000000', '', NULL, 0, 1, 'queued', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (3, 'digest', '2026-06-16', 3, 'in_data', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 1, '2026-06-16 07:00:00.000000', '', NULL, 0, 1, 'queued', NULL, 'in_data@example.org', 0, 2, '{"is_first":true,"look":["list","de"],"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"paper":"","place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","share":0.0,"upvotes":47,"words":[]}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"","place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","share":0.0,"upvotes":null,"words":[]}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"A liked paper","place":0,"projected":0,"reached":0,"rule":"","scope":null,"share":0.1,"upvotes":0,"words":["phone","edge"]}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"paper":"","place":1,"projected":null,"reached":0,"rule":"","scope":null,"share":0.0,"upvotes":null,"words":[]}}],"overflow":[],"overflow_url":"","topic":""}],"since_on":"2026-06-15","slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', 'b970c22c820603b81d0c21b0a117e42f2c912c7ae800df109c1a9b18495c61aa', 4000, 'smtp.example.org', '<in_data@news.example.org>');
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (4, 'digest', '2026-06-16', 4, 'deferred', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 1, '2026-06-16 08:00:00.000000', '451 4.7.1 try again later', NULL, 0, NULL, NULL, NULL, 'deferred@example.org', 0, 2, '{"is_first":true,"look":["list","de"],"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"paper":"","place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","share":0.0,"upvotes":47,"words":[]}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"","place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","share":0.0,"upvotes":null,"words":[]}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"A liked paper","place":0,"projected":0,"reached":0,"rule":"","scope":null,"share":0.1,"upvotes":0,"words":["phone","edge"]}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"paper":"","place":1,"projected":null,"reached":0,"rule":"","scope":null,"share":0.0,"upvotes":null,"words":[]}}],"overflow":[],"overflow_url":"","topic":""}],"since_on":"2026-06-15","slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', 'a706016085b2165ee8db5b8cd64ce79ea6acafeac7ba75f211ce882883bc449c', 4000, 'smtp.example.org', '<deferred@news.example.org>');
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (5, 'digest', '2026-06-16', 5, 'accepted', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 1, NULL, '250 2.0.0 queued as 1', NULL, 0, NULL, NULL, NULL, 'accepted@example.org', 0, 2, '{"is_first":true,"look":["list","de"],"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"paper":"","place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","share":0.0,"upvotes":47,"words":[]}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"","place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","share":0.0,"upvotes":null,"words":[]}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"A liked paper","place":0,"projected":0,"reached":0,"rule":"","scope":null,"share":0.1,"upvotes":0,"words":["phone","edge"]}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"paper":"","place":1,"projected":null,"reached":0,"rule":"","scope":null,"share":0.0,"upvotes":null,"words":[]}}],"overflow":[],"overflow_url":"","topic":""}],"since_on":"2026-06-15","slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '070c160a6299c5438070b1aa737b14fc2992ed49579c14264884886a5876f971', 4000, 'smtp.example.org', '<accepted@news.example.org>');
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (6, 'digest', '2026-06-16', 6, 'rejected', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 1, NULL, '550 5.1.1 no such user', NULL, 0, NULL, NULL, NULL, 'rejected@example.org', 0, 2, '{"is_first":true,"look":["list","de"],"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"paper":"","place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","share":0.0,"upvotes":47,"words":[]}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"","place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","share":0.0,"upvotes":null,"words":[]}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"A liked paper","place":0,"projected":0,"reached":0,"rule":"","scope":null,"share":0.1,"upvotes":0,"words":["phone","edge"]}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"paper":"","place":1,"projected":null,"reached":0,"rule":"","scope":null,"share":0.0,"upvotes":null,"words":[]}}],"overflow":[],"overflow_url":"","topic":""}],"since_on":"2026-06-15","slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '20cd938a2ea64f612b3523bc9219130c6fc66cd09b394ea38437488c0b8898b2', 4000, 'smtp.example.org', '<rejected@news.example.org>');
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (7, 'digest', '2026-06-16', 7, 'suppressed', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 0, NULL, 'hard bounce', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (8, 'digest', '2026-06-16', 8, 'expired', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 0, NULL, 'the digest of 2026-06-17 covers it', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (9, 'digest', '2026-06-16', 9, 'uncertain', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 1, NULL, 'no answer in 600 s', '2026-06-16 08:00:00.000000', 0, NULL, NULL, 7, 'uncertain@example.org', 0, 2, '{"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","upvotes":47}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","upvotes":null}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"place":0,"projected":0,"reached":0,"rule":"","scope":null,"upvotes":0}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"place":1,"projected":null,"reached":0,"rule":"","scope":null,"upvotes":null}}],"overflow":[],"overflow_url":"","topic":""}],"slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '96642b36a83c4c78c5dc7a3019ab2c4c7138ff513fad4ffd669f5c65ab4ae178', 4000, 'smtp.example.org', '<uncertain@news.example.org>');
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (10, 'digest', '2026-06-16', 10, 'empty', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 0, NULL, '', NULL, 0, NULL, NULL, NULL, NULL, 0, 2, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (11, 'digest', '2026-06-16', 11, 'skipped', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 0, NULL, 'the newsletter was away', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (12, 'digest', '2026-06-15', 1, 'expired', '2026-06-15 07:00:00.000000', '2026-06-17 03:00:00.000000', 0, NULL, 'the digest of 2026-06-16 covers it', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (13, 'confirm', 'confirm:1', 13, 'queued', '2026-06-16 08:00:00.000000', '2026-06-17 03:00:00.000000', 0, '2026-06-16 08:00:00.000000', '', NULL, 0, NULL, NULL, NULL, 'unconfirmed@example.org', NULL, NULL, '{"language":"en","notice":{"button":"Confirm","facts":[{"name":"Topics","value":"RAG, “small” models"},{"name":"When","value":"07:00"}],"paragraphs":["Somebody asked.","Nothing is sent before you confirm.\nÄ"],"preheader":"One click","subject":"Is this address yours?","url":"https://example.org/confirm/1-x","why":"You asked."}}', NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (14, 'goodbye', 'goodbye:1', 17, 'accepted', '2026-06-16 07:00:00.000000', '2026-06-17 03:00:00.000000', 1, NULL, '', NULL, 0, NULL, NULL, NULL, 'left@example.org', NULL, NULL, '{"language":"de","notice":{"button":"","facts":[],"paragraphs":[],"preheader":"","subject":"Done","url":"","why":""}}', '[]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '360f84035942243c6a36537ae2f8673485e6c04455a0a85a0db19690f2541480', 4000, 'smtp.example.org', '<left@news.example.org>');
INSERT INTO confirmations (id, asked, subscriber, address, wanted_json, origin, asked_at, expires_at, done_at) VALUES (1, 'subscribe', 13, 'unconfirmed@example.org', '{"days":[0,2,4],"everything_else":3,"hour":"18:30:00","language":"ar","layout":"list","name":"Žofia","topics":["RAG",{"any":["agent*"],"name":"Agents"}],"zone":"Asia/Kolkata"}', '203.0.113.0/24', '2026-06-16 08:00:00.000000', '2026-06-23 08:00:00.000000', NULL);
INSERT INTO confirmations (id, asked, subscriber, address, wanted_json, origin, asked_at, expires_at, done_at) VALUES (2, 'address', 5, 'accepted@example.org', '{"new":"New.Home@example.org","old":"accepted@example.org","step":"old"}', '', '2026-06-16 08:00:00.000000', '2026-06-23 08:00:00.000000', NULL);
INSERT INTO confirmations (id, asked, subscriber, address, wanted_json, origin, asked_at, expires_at, done_at) VALUES (3, 'login', 5, 'accepted@example.org', '{}', '', '2026-06-16 08:00:00.000000', '2026-06-16 08:15:00.000000', '2026-06-16 08:00:00.000000');
INSERT INTO sessions (token_hash, address, expires_at) VALUES ('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', 'operator@example.org', '2026-06-17 08:00:00.000000');
INSERT INTO entry_words (rowid, title, rest) VALUES (1, 'a paper', 'it does something new ada example rag memory');
INSERT INTO entry_words (rowid, title, rest) VALUES (2, 'a paper', 'it does something new ada example');
INSERT INTO entry_words (rowid, title, rest) VALUES (3, 'a paper', 'it does something new ada example');
INSERT INTO entry_words (rowid, title, rest) VALUES (4, 'a paper', 'it does something new ada example');
INSERT INTO entry_words (rowid, title, rest) VALUES (5, 'a paper', 'it does something new ada example');
INSERT INTO entry_words (rowid, title, rest) VALUES (6, 'a paper', 'it does something new ada example');
