-- A database of version 0.1 (migration 0009), as its own program made and filled it. All content is invented.
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.attempts (
    delivery bigint NOT NULL,
    number integer NOT NULL,
    at timestamp with time zone NOT NULL,
    outcome character varying(20) NOT NULL,
    reply text NOT NULL,
    relay text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_attempts_number CHECK ((number > 0)),
    CONSTRAINT ck_attempts_outcome CHECK ((outcome IN ('accepted', 'deferred', 'rejected', 'uncertain')))
);
CREATE TABLE public.bounces (
    id bigint NOT NULL,
    report_hash character varying(64) NOT NULL,
    delivery bigint,
    address text NOT NULL,
    at timestamp with time zone NOT NULL,
    kind character varying(20) NOT NULL,
    status text NOT NULL,
    diagnostic text NOT NULL,
    action text NOT NULL
);
CREATE SEQUENCE public.bounces_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.bounces_id_seq OWNED BY public.bounces.id;
CREATE TABLE public.bundles (
    hash character varying(64) NOT NULL,
    "json" text NOT NULL
);
CREATE TABLE public.cards (
    hash character varying(64) NOT NULL,
    "json" text NOT NULL
);
CREATE TABLE public.confirmations (
    id bigint NOT NULL,
    asked character varying(20) NOT NULL,
    subscriber bigint NOT NULL,
    address text NOT NULL,
    wanted_json text NOT NULL,
    origin text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    CONSTRAINT ck_confirmations_asked CHECK ((asked IN ('subscribe', 'address', 'login')))
);
CREATE SEQUENCE public.confirmations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.confirmations_id_seq OWNED BY public.confirmations.id;
CREATE TABLE public.consents (
    id bigint NOT NULL,
    subscriber bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    consent character varying(20) NOT NULL,
    why text NOT NULL,
    origin text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_consents_consent CHECK ((consent IN ('unconfirmed', 'confirmed', 'paused', 'left')))
);
CREATE SEQUENCE public.consents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.consents_id_seq OWNED BY public.consents.id;
CREATE TABLE public.counters (
    id integer NOT NULL,
    last_run integer NOT NULL,
    CONSTRAINT ck_counters_one_row CHECK ((id = 1))
);
CREATE TABLE public.deliveries (
    id bigint NOT NULL,
    kind character varying(20) NOT NULL,
    key character varying(100) NOT NULL,
    recipient bigint NOT NULL,
    state character varying(20) NOT NULL,
    slot_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone,
    last_reply text DEFAULT ''::text NOT NULL,
    uncertain_at timestamp with time zone,
    resends integer DEFAULT 0 NOT NULL,
    claimed_by bigint,
    state_before_claim character varying(20),
    lost_by bigint,
    address text,
    after_run integer,
    upto_run integer,
    content_json text,
    card_hashes text,
    bundle_hash character varying(64),
    content_hash character varying(64),
    size_bytes integer,
    relay text DEFAULT ''::text NOT NULL,
    message_id text,
    CONSTRAINT ck_deliveries_claimed_by CHECK (((state IN ('claimed', 'in_data')) = (claimed_by IS NOT NULL))),
    CONSTRAINT ck_deliveries_deferred CHECK ((((state)::text <> 'deferred'::text) OR (next_attempt_at IS NOT NULL))),
    CONSTRAINT ck_deliveries_frozen CHECK (((state NOT IN ('in_data', 'accepted', 'uncertain')) OR (content_hash IS NOT NULL))),
    CONSTRAINT ck_deliveries_kept_for_release CHECK (((state IN ('claimed', 'in_data')) = (state_before_claim IS NOT NULL))),
    CONSTRAINT ck_deliveries_kind CHECK ((kind IN ('digest', 'confirm', 'changed', 'goodbye', 'alert', 'login'))),
    CONSTRAINT ck_deliveries_notice CHECK ((((kind)::text = 'digest'::text) OR (content_json IS NOT NULL))),
    CONSTRAINT ck_deliveries_state CHECK ((state IN ('queued', 'claimed', 'in_data', 'deferred', 'accepted', 'rejected', 'suppressed', 'expired', 'uncertain', 'empty', 'skipped'))),
    CONSTRAINT ck_deliveries_state_before_claim CHECK ((state_before_claim IN ('queued', 'deferred', 'uncertain'))),
    CONSTRAINT ck_deliveries_uncertain CHECK ((((state)::text <> 'uncertain'::text) OR (uncertain_at IS NOT NULL))),
    CONSTRAINT ck_deliveries_window CHECK ((after_run <= upto_run))
);
CREATE SEQUENCE public.deliveries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.deliveries_id_seq OWNED BY public.deliveries.id;
CREATE TABLE public.delivery_entries (
    delivery bigint NOT NULL,
    entry bigint NOT NULL,
    topic text NOT NULL,
    "position" integer NOT NULL,
    shown boolean NOT NULL
);
CREATE TABLE public.entries (
    id bigint NOT NULL,
    key text NOT NULL,
    title text NOT NULL,
    summary text NOT NULL,
    authors text NOT NULL,
    author_count integer NOT NULL,
    organization text NOT NULL,
    published_at timestamp with time zone,
    listed_on date,
    categories text NOT NULL,
    ai_keywords text CONSTRAINT entries_tags_not_null NOT NULL,
    ai_summary text NOT NULL,
    note text NOT NULL,
    upvotes integer,
    comments integer,
    code_stars integer,
    url text NOT NULL,
    pdf_url text NOT NULL,
    discussion_url text NOT NULL,
    code_url text NOT NULL,
    project_url text NOT NULL,
    listing_url text NOT NULL,
    first_seen_run integer NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    primary_category text DEFAULT ''::text NOT NULL,
    version integer DEFAULT 0 NOT NULL,
    withdrawn boolean DEFAULT false NOT NULL,
    thumbnail_url text DEFAULT ''::text NOT NULL,
    media_urls text DEFAULT '[]'::text NOT NULL
);
CREATE SEQUENCE public.entries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.entries_id_seq OWNED BY public.entries.id;
CREATE TABLE public.entry_events (
    id bigint NOT NULL,
    entry bigint NOT NULL,
    kind character varying(20) NOT NULL,
    detail text NOT NULL,
    source text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT ck_entry_events_kind CHECK ((kind IN ('new-version', 'cross-listed', 'withdrawn')))
);
CREATE SEQUENCE public.entry_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.entry_events_id_seq OWNED BY public.entry_events.id;
CREATE TABLE public.entry_keys (
    key text NOT NULL,
    entry bigint NOT NULL,
    "position" integer NOT NULL
);
CREATE TABLE public.entry_words (
    entry bigint NOT NULL,
    words tsvector NOT NULL
);
CREATE TABLE public.fetches (
    id bigint NOT NULL,
    run integer,
    source text NOT NULL,
    state character varying(30) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    listed integer NOT NULL,
    new integer NOT NULL,
    requests integer NOT NULL,
    message text NOT NULL,
    CONSTRAINT ck_fetches_state CHECK ((state IN ('ok', 'unchanged', 'empty-as-expected', 'empty-unexpected', 'stale', 'partial', 'failed')))
);
CREATE SEQUENCE public.fetches_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.fetches_id_seq OWNED BY public.fetches.id;
CREATE TABLE public.instances (
    id bigint NOT NULL,
    host text NOT NULL,
    boot text NOT NULL,
    pid integer NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.instances_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.instances_id_seq OWNED BY public.instances.id;
CREATE TABLE public.moves (
    location text NOT NULL,
    target text NOT NULL,
    since timestamp with time zone NOT NULL
);
CREATE TABLE public.observations (
    entry bigint NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    upvotes integer,
    comments integer
);
CREATE TABLE public.relay_days (
    relay text NOT NULL,
    day date NOT NULL,
    messages integer NOT NULL,
    CONSTRAINT ck_relay_days_messages CHECK ((messages >= 0))
);
CREATE TABLE public.runs (
    number integer NOT NULL,
    visible_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_runs_number CHECK ((number > 0))
);
CREATE TABLE public.sessions (
    token_hash character varying(64) NOT NULL,
    address text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.settings (
    key text NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.sightings (
    id bigint NOT NULL,
    entry bigint NOT NULL,
    source text NOT NULL,
    guid text NOT NULL,
    listed_on character varying(10) NOT NULL,
    listing_url text NOT NULL,
    seen_at timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.sightings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sightings_id_seq OWNED BY public.sightings.id;
CREATE TABLE public.source_health (
    source text NOT NULL,
    failures integer NOT NULL,
    not_before timestamp with time zone,
    why text NOT NULL,
    CONSTRAINT ck_source_health_failures CHECK ((failures >= 0))
);
CREATE TABLE public.sources (
    name text NOT NULL,
    first_run integer NOT NULL
);
CREATE TABLE public.subscribers (
    id bigint NOT NULL,
    address text NOT NULL,
    name text NOT NULL,
    language text NOT NULL,
    days text NOT NULL,
    local_time text NOT NULL,
    zone text NOT NULL,
    topics_json text NOT NULL,
    everything_else integer NOT NULL,
    consent character varying(20) NOT NULL,
    counted_run integer NOT NULL,
    next_due_at timestamp with time zone,
    file_owned boolean NOT NULL,
    layout text DEFAULT ''::text NOT NULL,
    wake_at timestamp with time zone,
    paused_by_file boolean DEFAULT false NOT NULL,
    declined boolean DEFAULT false NOT NULL,
    decided_at timestamp with time zone,
    address_key text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_subscribers_consent CHECK ((consent IN ('unconfirmed', 'confirmed', 'paused', 'left'))),
    CONSTRAINT ck_subscribers_counted_run CHECK ((counted_run >= 0))
);
CREATE SEQUENCE public.subscribers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.subscribers_id_seq OWNED BY public.subscribers.id;
CREATE TABLE public.suppressions (
    id bigint NOT NULL,
    address text NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone NOT NULL,
    lifted_at timestamp with time zone,
    lifted_why text NOT NULL,
    is_complaint boolean DEFAULT false NOT NULL
);
CREATE SEQUENCE public.suppressions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.suppressions_id_seq OWNED BY public.suppressions.id;
CREATE TABLE public.validators (
    location text NOT NULL,
    etag text NOT NULL,
    last_modified text NOT NULL,
    content_hash text NOT NULL,
    following text DEFAULT ''::text NOT NULL,
    listed_on date,
    listed integer DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY public.bounces ALTER COLUMN id SET DEFAULT nextval('public.bounces_id_seq'::regclass);
ALTER TABLE ONLY public.confirmations ALTER COLUMN id SET DEFAULT nextval('public.confirmations_id_seq'::regclass);
ALTER TABLE ONLY public.consents ALTER COLUMN id SET DEFAULT nextval('public.consents_id_seq'::regclass);
ALTER TABLE ONLY public.deliveries ALTER COLUMN id SET DEFAULT nextval('public.deliveries_id_seq'::regclass);
ALTER TABLE ONLY public.entries ALTER COLUMN id SET DEFAULT nextval('public.entries_id_seq'::regclass);
ALTER TABLE ONLY public.entry_events ALTER COLUMN id SET DEFAULT nextval('public.entry_events_id_seq'::regclass);
ALTER TABLE ONLY public.fetches ALTER COLUMN id SET DEFAULT nextval('public.fetches_id_seq'::regclass);
ALTER TABLE ONLY public.instances ALTER COLUMN id SET DEFAULT nextval('public.instances_id_seq'::regclass);
ALTER TABLE ONLY public.sightings ALTER COLUMN id SET DEFAULT nextval('public.sightings_id_seq'::regclass);
ALTER TABLE ONLY public.subscribers ALTER COLUMN id SET DEFAULT nextval('public.subscribers_id_seq'::regclass);
ALTER TABLE ONLY public.suppressions ALTER COLUMN id SET DEFAULT nextval('public.suppressions_id_seq'::regclass);
INSERT INTO public.alembic_version (version_num) VALUES ('0009');
INSERT INTO public.attempts (delivery, number, at, outcome, reply, relay) VALUES (4, 1, '2026-06-16 08:00:00+00', 'deferred', '451 4.7.1 try again later', 'smtp.example.org');
INSERT INTO public.attempts (delivery, number, at, outcome, reply, relay) VALUES (5, 1, '2026-06-16 08:00:00+00', 'accepted', '250 2.0.0 queued as 1', 'smtp.example.org');
INSERT INTO public.attempts (delivery, number, at, outcome, reply, relay) VALUES (6, 1, '2026-06-16 08:00:00+00', 'rejected', '550 5.1.1 no such user', 'smtp.example.org');
INSERT INTO public.attempts (delivery, number, at, outcome, reply, relay) VALUES (9, 1, '2026-06-16 08:00:00+00', 'uncertain', 'no answer in 600 s', 'smtp.example.org');
INSERT INTO public.bounces (id, report_hash, delivery, address, at, kind, status, diagnostic, action) VALUES (1, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 6, 'rejected@example.org', '2026-06-16 08:00:00+00', 'hard', '5.1.1', '550 no such user', 'suppressed');
INSERT INTO public.bounces (id, report_hash, delivery, address, at, kind, status, diagnostic, action) VALUES (2, 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', NULL, '', '2026-06-16 08:00:00+00', 'none', '', '', 'ignored');
INSERT INTO public.bundles (hash, "json") VALUES ('f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '{"cards/digest.html.j2":"{{ digest }} – invented"}');
INSERT INTO public.cards (hash, "json") VALUES ('6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c', '{"author_count":12,"authors":["Ada Example","Žofia Příkladová"],"code_stars":1200,"code_url":"https://example.org/1/code","comments":3,"discussion_url":"https://example.org/1/talk","is_model_summary":true,"key":"arxiv:2606.00001","listed_on":"2026-06-16","organization":"Example Lab","pdf_url":"https://example.org/1.pdf","project_url":"https://example.org/1/project","published_on":"2026-06-15","summary":"It does something new.","title":"Retrieval “as” a habit: 100 % of $\\alpha$","upvotes":47,"url":"https://example.org/1"}');
INSERT INTO public.cards (hash, "json") VALUES ('7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383', '{"author_count":0,"authors":[],"code_stars":null,"code_url":"","comments":null,"discussion_url":"","is_model_summary":false,"key":"arxiv:2606.00002","listed_on":null,"organization":"","pdf_url":"","project_url":"","published_on":null,"summary":"","title":"ورقة عن الاسترجاع 🔬","upvotes":null,"url":""}');
INSERT INTO public.cards (hash, "json") VALUES ('ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc', '{"author_count":0,"authors":[],"code_stars":null,"code_url":"","comments":null,"discussion_url":"","is_model_summary":false,"key":"doi:10.5555/example.5","listed_on":"2026-06-16","organization":"","pdf_url":"","project_url":"","published_on":null,"summary":"","title":"On phones","upvotes":0,"url":""}');
INSERT INTO public.cards (hash, "json") VALUES ('db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4', '{"author_count":0,"authors":[],"code_stars":null,"code_url":"","comments":null,"discussion_url":"","is_model_summary":false,"key":"arxiv:2606.00006","listed_on":null,"organization":"","pdf_url":"","project_url":"","published_on":null,"summary":"","title":"Something else","upvotes":null,"url":""}');
INSERT INTO public.confirmations (id, asked, subscriber, address, wanted_json, origin, asked_at, expires_at, done_at) VALUES (1, 'subscribe', 13, 'unconfirmed@example.org', '{"days":[0,2,4],"everything_else":3,"hour":"18:30:00","language":"ar","layout":"list","name":"Žofia","topics":["RAG",{"any":["agent*"],"name":"Agents"}],"zone":"Asia/Kolkata"}', '203.0.113.0/24', '2026-06-16 08:00:00+00', '2026-06-23 08:00:00+00', NULL);
INSERT INTO public.confirmations (id, asked, subscriber, address, wanted_json, origin, asked_at, expires_at, done_at) VALUES (2, 'address', 5, 'accepted@example.org', '{"new":"New.Home@example.org","old":"accepted@example.org","step":"old"}', '', '2026-06-16 08:00:00+00', '2026-06-23 08:00:00+00', NULL);
INSERT INTO public.confirmations (id, asked, subscriber, address, wanted_json, origin, asked_at, expires_at, done_at) VALUES (3, 'login', 5, 'accepted@example.org', '{}', '', '2026-06-16 08:00:00+00', '2026-06-16 08:15:00+00', '2026-06-16 08:00:00+00');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (1, 1, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (2, 2, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (3, 3, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (4, 4, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (5, 5, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (6, 6, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (7, 7, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (8, 8, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (9, 9, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (10, 10, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (11, 11, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (12, 12, '2026-06-16 08:00:00+00', 'confirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (13, 13, '2026-06-16 08:00:00+00', 'unconfirmed', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (14, 14, '2026-06-16 08:00:00+00', 'paused', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (15, 15, '2026-06-16 08:00:00+00', 'paused', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (16, 16, '2026-06-16 08:00:00+00', 'paused', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (17, 17, '2026-06-16 08:00:00+00', 'left', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (18, 18, '2026-06-16 08:00:00+00', 'left', 'added', '');
INSERT INTO public.consents (id, subscriber, at, consent, why, origin) VALUES (20, 20, '2026-06-16 08:00:00+00', 'left', 'added', '');
INSERT INTO public.counters (id, last_run) VALUES (1, 2);
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (1, 'digest', '2026-06-16', 1, 'queued', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 0, '2026-06-16 07:00:00+00', '', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (2, 'digest', '2026-06-16', 2, 'claimed', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 0, '2026-06-16 07:00:00+00', '', NULL, 0, 1, 'queued', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (3, 'digest', '2026-06-16', 3, 'in_data', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 1, '2026-06-16 07:00:00+00', '', NULL, 0, 1, 'queued', NULL, 'in_data@example.org', 0, 2, '{"is_first":true,"look":["list","de"],"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"paper":"","place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","share":0.0,"upvotes":47,"words":[]}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"","place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","share":0.0,"upvotes":null,"words":[]}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"A liked paper","place":0,"projected":0,"reached":0,"rule":"","scope":null,"share":0.1,"upvotes":0,"words":["phone","edge"]}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"paper":"","place":1,"projected":null,"reached":0,"rule":"","scope":null,"share":0.0,"upvotes":null,"words":[]}}],"overflow":[],"overflow_url":"","topic":""}],"since_on":"2026-06-15","slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', 'b970c22c820603b81d0c21b0a117e42f2c912c7ae800df109c1a9b18495c61aa', 4000, 'smtp.example.org', '<in_data@news.example.org>');
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (4, 'digest', '2026-06-16', 4, 'deferred', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 1, '2026-06-16 08:00:00+00', '451 4.7.1 try again later', NULL, 0, NULL, NULL, NULL, 'deferred@example.org', 0, 2, '{"is_first":true,"look":["list","de"],"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"paper":"","place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","share":0.0,"upvotes":47,"words":[]}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"","place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","share":0.0,"upvotes":null,"words":[]}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"A liked paper","place":0,"projected":0,"reached":0,"rule":"","scope":null,"share":0.1,"upvotes":0,"words":["phone","edge"]}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"paper":"","place":1,"projected":null,"reached":0,"rule":"","scope":null,"share":0.0,"upvotes":null,"words":[]}}],"overflow":[],"overflow_url":"","topic":""}],"since_on":"2026-06-15","slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', 'a706016085b2165ee8db5b8cd64ce79ea6acafeac7ba75f211ce882883bc449c', 4000, 'smtp.example.org', '<deferred@news.example.org>');
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (5, 'digest', '2026-06-16', 5, 'accepted', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 1, NULL, '250 2.0.0 queued as 1', NULL, 0, NULL, NULL, NULL, 'accepted@example.org', 0, 2, '{"is_first":true,"look":["list","de"],"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"paper":"","place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","share":0.0,"upvotes":47,"words":[]}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"","place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","share":0.0,"upvotes":null,"words":[]}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"A liked paper","place":0,"projected":0,"reached":0,"rule":"","scope":null,"share":0.1,"upvotes":0,"words":["phone","edge"]}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"paper":"","place":1,"projected":null,"reached":0,"rule":"","scope":null,"share":0.0,"upvotes":null,"words":[]}}],"overflow":[],"overflow_url":"","topic":""}],"since_on":"2026-06-15","slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '070c160a6299c5438070b1aa737b14fc2992ed49579c14264884886a5876f971', 4000, 'smtp.example.org', '<accepted@news.example.org>');
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (6, 'digest', '2026-06-16', 6, 'rejected', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 1, NULL, '550 5.1.1 no such user', NULL, 0, NULL, NULL, NULL, 'rejected@example.org', 0, 2, '{"is_first":true,"look":["list","de"],"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"paper":"","place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","share":0.0,"upvotes":47,"words":[]}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"","place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","share":0.0,"upvotes":null,"words":[]}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"paper":"A liked paper","place":0,"projected":0,"reached":0,"rule":"","scope":null,"share":0.1,"upvotes":0,"words":["phone","edge"]}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"paper":"","place":1,"projected":null,"reached":0,"rule":"","scope":null,"share":0.0,"upvotes":null,"words":[]}}],"overflow":[],"overflow_url":"","topic":""}],"since_on":"2026-06-15","slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '20cd938a2ea64f612b3523bc9219130c6fc66cd09b394ea38437488c0b8898b2', 4000, 'smtp.example.org', '<rejected@news.example.org>');
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (7, 'digest', '2026-06-16', 7, 'suppressed', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 0, NULL, 'hard bounce', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (8, 'digest', '2026-06-16', 8, 'expired', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 0, NULL, 'the digest of 2026-06-17 covers it', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (9, 'digest', '2026-06-16', 9, 'uncertain', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 1, NULL, 'no answer in 600 s', '2026-06-16 08:00:00+00', 0, NULL, NULL, 7, 'uncertain@example.org', 0, 2, '{"quiet_topics":["Benchmarks","a, \"b\"\\c"],"sections":[{"items":[{"card":"6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c","entry":1,"reason":{"age_hours":9,"expansion":"retrieval-augmented generation","late":true,"of":31,"place":2,"projected":110,"reached":5,"rule":"RAG","scope":"title","upvotes":47}},{"card":"7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383","entry":2,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"place":0,"projected":null,"reached":0,"rule":"rag","scope":"abstract","upvotes":null}}],"overflow":[3,4],"overflow_url":"https://example.org/editions/2026-06-16#rag","topic":"RAG"},{"items":[{"card":"ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc","entry":5,"reason":{"age_hours":0,"expansion":"","late":false,"of":0,"place":0,"projected":0,"reached":0,"rule":"","scope":null,"upvotes":0}}],"overflow":[],"overflow_url":"","topic":"Small models"},{"items":[{"card":"db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4","entry":6,"reason":{"age_hours":0,"expansion":"","late":false,"of":2,"place":1,"projected":null,"reached":0,"rule":"","scope":null,"upvotes":null}}],"overflow":[],"overflow_url":"","topic":""}],"slot":{"at":"2026-06-16T07:00:00+00:00","local_on":"2026-06-16"},"window":{"after_run":0,"upto_run":2}}', '["6445659d0b65bea87393f036970e8915b2ac6d127ae3961f097e66f644f4218c", "7f99d2454656cd1bbe2f585c05d19a97ae70084682476f1ea47f040598fe8383", "db16937ce9a56df16b59e07cc959b2143ad7a41835bdff8f487e74cbf0f225d4", "ff3346757a77e69187cf4b697a64b6e94b883a567cd8a5491c9af02e7d5699dc"]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '96642b36a83c4c78c5dc7a3019ab2c4c7138ff513fad4ffd669f5c65ab4ae178', 4000, 'smtp.example.org', '<uncertain@news.example.org>');
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (10, 'digest', '2026-06-16', 10, 'empty', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 0, NULL, '', NULL, 0, NULL, NULL, NULL, NULL, 0, 2, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (11, 'digest', '2026-06-16', 11, 'skipped', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 0, NULL, 'the newsletter was away', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (12, 'digest', '2026-06-15', 1, 'expired', '2026-06-15 07:00:00+00', '2026-06-17 03:00:00+00', 0, NULL, 'the digest of 2026-06-16 covers it', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (13, 'confirm', 'confirm:1', 13, 'queued', '2026-06-16 08:00:00+00', '2026-06-17 03:00:00+00', 0, '2026-06-16 08:00:00+00', '', NULL, 0, NULL, NULL, NULL, 'unconfirmed@example.org', NULL, NULL, '{"language":"en","notice":{"button":"Confirm","facts":[{"name":"Topics","value":"RAG, “small” models"},{"name":"When","value":"07:00"}],"paragraphs":["Somebody asked.","Nothing is sent before you confirm.\nÄ"],"preheader":"One click","subject":"Is this address yours?","url":"https://example.org/confirm/1-x","why":"You asked."}}', NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO public.deliveries (id, kind, key, recipient, state, slot_at, expires_at, attempt, next_attempt_at, last_reply, uncertain_at, resends, claimed_by, state_before_claim, lost_by, address, after_run, upto_run, content_json, card_hashes, bundle_hash, content_hash, size_bytes, relay, message_id) VALUES (14, 'goodbye', 'goodbye:1', 17, 'accepted', '2026-06-16 07:00:00+00', '2026-06-17 03:00:00+00', 1, NULL, '', NULL, 0, NULL, NULL, NULL, 'left@example.org', NULL, NULL, '{"language":"de","notice":{"button":"","facts":[],"paragraphs":[],"preheader":"","subject":"Done","url":"","why":""}}', '[]', 'f96f0a385dbfb3c309072ff321afb975945a3f86f21b14bbb954d1be26ec625c', '360f84035942243c6a36537ae2f8673485e6c04455a0a85a0db19690f2541480', 4000, 'smtp.example.org', '<left@news.example.org>');
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (3, 1, 'RAG', 0, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (3, 2, 'RAG', 1, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (3, 5, 'Small models', 2, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (3, 6, '', 3, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (3, 3, 'RAG', 4, false);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (3, 4, 'RAG', 5, false);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (4, 1, 'RAG', 0, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (4, 2, 'RAG', 1, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (4, 5, 'Small models', 2, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (4, 6, '', 3, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (4, 3, 'RAG', 4, false);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (4, 4, 'RAG', 5, false);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (5, 1, 'RAG', 0, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (5, 2, 'RAG', 1, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (5, 5, 'Small models', 2, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (5, 6, '', 3, true);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (5, 3, 'RAG', 4, false);
INSERT INTO public.delivery_entries (delivery, entry, topic, "position", shown) VALUES (5, 4, 'RAG', 5, false);
INSERT INTO public.entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (2, 'arxiv:2606.00002', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00+00', '2026-06-16', '[]', '[]', '', '', 20, 1, NULL, 'https://example.org/2', '', '', '', '', '', 1, '2026-06-16 06:00:00+00', '', 0, false, '', '[]');
INSERT INTO public.entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (3, 'arxiv:2606.00003', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00+00', '2026-06-16', '[]', '[]', '', '', 30, 1, NULL, 'https://example.org/3', '', '', '', '', '', 1, '2026-06-16 06:00:00+00', '', 0, false, '', '[]');
INSERT INTO public.entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (4, 'arxiv:2606.00004', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00+00', '2026-06-16', '[]', '[]', '', '', NULL, NULL, NULL, 'https://example.org/4', '', '', '', '', '', 2, '2026-06-16 06:00:00+00', '', 0, false, '', '[]');
INSERT INTO public.entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (5, 'arxiv:2606.00005', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00+00', '2026-06-16', '[]', '[]', '', '', NULL, NULL, NULL, 'https://example.org/5', '', '', '', '', '', 2, '2026-06-16 06:00:00+00', '', 0, false, '', '[]');
INSERT INTO public.entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (6, 'arxiv:2606.00006', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00+00', '2026-06-16', '[]', '[]', '', '', NULL, NULL, NULL, 'https://example.org/6', '', '', '', '', '', 2, '2026-06-16 06:00:00+00', '', 0, false, '', '[]');
INSERT INTO public.entries (id, key, title, summary, authors, author_count, organization, published_at, listed_on, categories, ai_keywords, ai_summary, note, upvotes, comments, code_stars, url, pdf_url, discussion_url, code_url, project_url, listing_url, first_seen_run, first_seen_at, primary_category, version, withdrawn, thumbnail_url, media_urls) VALUES (1, 'arxiv:2606.00001', 'A paper', 'It does something new.', '["Ada Example"]', 0, '', '2026-06-15 12:00:00+00', '2026-06-16', '[]', '["rag", "memory"]', '', '', 10, 1, NULL, 'https://example.org/1', '', '', '', '', '', 1, '2026-06-16 06:00:00+00', '', 2, false, '', '[]');
INSERT INTO public.entry_events (id, entry, kind, detail, source, at) VALUES (1, 1, 'new-version', 'v2', 'arxiv', '2026-06-16 08:00:00+00');
INSERT INTO public.entry_keys (key, entry, "position") VALUES ('arxiv:2606.00002', 2, 0);
INSERT INTO public.entry_keys (key, entry, "position") VALUES ('arxiv:2606.00003', 3, 0);
INSERT INTO public.entry_keys (key, entry, "position") VALUES ('arxiv:2606.00004', 4, 0);
INSERT INTO public.entry_keys (key, entry, "position") VALUES ('arxiv:2606.00005', 5, 0);
INSERT INTO public.entry_keys (key, entry, "position") VALUES ('arxiv:2606.00006', 6, 0);
INSERT INTO public.entry_keys (key, entry, "position") VALUES ('arxiv:2606.00001', 1, 0);
INSERT INTO public.entry_keys (key, entry, "position") VALUES ('doi:10.5555/example.1', 1, 1);
INSERT INTO public.entry_words (entry, words) VALUES (2, '''a'':1A ''ada'':8 ''does'':5 ''example'':9 ''it'':4 ''new'':7 ''paper'':2A ''something'':6');
INSERT INTO public.entry_words (entry, words) VALUES (3, '''a'':1A ''ada'':8 ''does'':5 ''example'':9 ''it'':4 ''new'':7 ''paper'':2A ''something'':6');
INSERT INTO public.entry_words (entry, words) VALUES (4, '''a'':1A ''ada'':8 ''does'':5 ''example'':9 ''it'':4 ''new'':7 ''paper'':2A ''something'':6');
INSERT INTO public.entry_words (entry, words) VALUES (5, '''a'':1A ''ada'':8 ''does'':5 ''example'':9 ''it'':4 ''new'':7 ''paper'':2A ''something'':6');
INSERT INTO public.entry_words (entry, words) VALUES (6, '''a'':1A ''ada'':8 ''does'':5 ''example'':9 ''it'':4 ''new'':7 ''paper'':2A ''something'':6');
INSERT INTO public.entry_words (entry, words) VALUES (1, '''a'':1A ''ada'':8 ''does'':5 ''example'':9 ''it'':4 ''memory'':11 ''new'':7 ''paper'':2A ''rag'':10 ''something'':6');
INSERT INTO public.fetches (id, run, source, state, started_at, finished_at, listed, new, requests, message) VALUES (1, 1, 'hf', 'ok', '2026-06-16 07:00:00+00', '2026-06-16 07:00:00+00', 3, 3, 1, '');
INSERT INTO public.fetches (id, run, source, state, started_at, finished_at, listed, new, requests, message) VALUES (2, NULL, 'arxiv', 'failed', '2026-06-16 07:00:00+00', '2026-06-16 07:00:00+00', 0, 0, 0, 'it does not answer');
INSERT INTO public.instances (id, host, boot, pid, heartbeat_at) VALUES (1, 'host', 'boot', 100, '2026-06-16 08:00:00+00');
INSERT INTO public.moves (location, target, since) VALUES ('http://example.org/feed', 'https://example.org/feed', '2026-06-15 08:00:00+00');
INSERT INTO public.observations (entry, observed_at, upvotes, comments) VALUES (1, '2026-06-16 07:00:00+00', 10, 1);
INSERT INTO public.observations (entry, observed_at, upvotes, comments) VALUES (2, '2026-06-16 07:00:00+00', 20, 1);
INSERT INTO public.observations (entry, observed_at, upvotes, comments) VALUES (3, '2026-06-16 07:00:00+00', 30, 1);
INSERT INTO public.relay_days (relay, day, messages) VALUES ('smtp.example.org', '2026-06-16', 4);
INSERT INTO public.runs (number, visible_at) VALUES (1, '2026-06-16 07:00:00+00');
INSERT INTO public.runs (number, visible_at) VALUES (2, '2026-06-16 08:00:00+00');
INSERT INTO public.sessions (token_hash, address, expires_at) VALUES ('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', 'operator@example.org', '2026-06-17 08:00:00+00');
INSERT INTO public.settings (key, value) VALUES ('secret', '0101010101010101010101010101010101010101010101010101010101010101');
INSERT INTO public.settings (key, value) VALUES ('hold', 'the template is wrong');
INSERT INTO public.settings (key, value) VALUES ('zone_rules', '2026a');
INSERT INTO public.settings (key, value) VALUES ('relay_pause:smtp.example.org', '["2026-06-16T09:00:00+00:00", "451 4.7.1 slower \u2026", 2, "storm"]');
INSERT INTO public.settings (key, value) VALUES ('step_failure:collecting', '{"since": "2026-06-16T07:00:00+00:00", "times": 3, "at": "2026-06-16T08:00:00+00:00", "error": "the disk is full", "is_passing": true}');
INSERT INTO public.settings (key, value) VALUES ('relay_pause:old.example.org', '["2026-06-16T08:00:00+00:00", "no connection", 1]');
INSERT INTO public.settings (key, value) VALUES ('epoch:0123456789abcdef', '4');
INSERT INTO public.sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (1, 1, 'hf', '2606.00001', '2026-06-16', '', '2026-06-16 07:00:00+00');
INSERT INTO public.sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (2, 2, 'hf', '2606.00002', '2026-06-16', '', '2026-06-16 07:00:00+00');
INSERT INTO public.sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (3, 3, 'hf', '2606.00003', '2026-06-16', '', '2026-06-16 07:00:00+00');
INSERT INTO public.sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (4, 4, 'arxiv', '2606.00004', '2026-06-16', '', '2026-06-16 08:00:00+00');
INSERT INTO public.sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (5, 5, 'arxiv', '2606.00005', '2026-06-16', '', '2026-06-16 08:00:00+00');
INSERT INTO public.sightings (id, entry, source, guid, listed_on, listing_url, seen_at) VALUES (6, 6, 'arxiv', '2606.00006', '2026-06-16', '', '2026-06-16 08:00:00+00');
INSERT INTO public.source_health (source, failures, not_before, why) VALUES ('arxiv', 2, '2026-06-16 09:00:00+00', 'it does not answer');
INSERT INTO public.sources (name, first_run) VALUES ('hf', 1);
INSERT INTO public.sources (name, first_run) VALUES ('arxiv', 2);
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (1, 'queued@example.org', 'Queued', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'queued@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (2, 'claimed@example.org', 'Claimed', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'claimed@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (3, 'in_data@example.org', 'In_Data', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'in_data@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (4, 'deferred@example.org', 'Deferred', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'deferred@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (5, 'accepted@example.org', 'Accepted', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'accepted@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (6, 'rejected@example.org', 'Rejected', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'rejected@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (7, 'suppressed@example.org', 'Suppressed', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'suppressed@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (8, 'expired@example.org', 'Expired', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'expired@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (9, 'uncertain@example.org', 'Uncertain', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'uncertain@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (10, 'empty@example.org', 'Empty', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'empty@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (11, 'skipped@example.org', 'Skipped', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'confirmed', 2, '2026-06-18 07:00:00+00', true, '', NULL, false, false, '2026-06-15 08:00:00+00', 'skipped@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (12, 'Ada.Example@example.org', 'Ada', 'de', '[0, 3]', '06:30:00', 'Europe/Berlin', '["RAG",{"any":["agent*","tool use"],"name":"Agents"}]', 5, 'confirmed', 0, '2026-06-17 08:00:00+00', false, 'list', NULL, false, false, '2026-06-15 08:00:00+00', 'ada.example@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (13, 'unconfirmed@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'unconfirmed', 0, NULL, false, '', NULL, false, false, NULL, 'unconfirmed@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (14, 'paused@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'paused', 0, NULL, false, '', NULL, false, false, '2026-06-16 08:00:00+00', 'paused@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (15, 'waking@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'paused', 0, '2026-06-26 08:00:00+00', true, '', '2026-06-25 08:00:00+00', false, false, '2026-06-16 08:00:00+00', 'waking@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (16, 'absent@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'paused', 0, NULL, true, '', NULL, true, false, '2026-06-16 08:00:00+00', 'absent@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (17, 'left@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'left', 0, NULL, true, '', NULL, false, false, '2026-06-16 08:00:00+00', 'left@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (18, 'declined@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'left', 0, NULL, true, '', NULL, false, true, '2026-06-16 08:00:00+00', 'declined@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (20, 'complained@example.org', 'Ada', '', '[0, 1, 2, 3, 4, 5, 6]', '07:00:00', 'UTC', '["RAG"]', 0, 'left', 0, NULL, true, '', NULL, false, false, '2026-06-16 08:00:00+00', 'complained@example.org');
INSERT INTO public.subscribers (id, address, name, language, days, local_time, zone, topics_json, everything_else, consent, counted_run, next_due_at, file_owned, layout, wake_at, paused_by_file, declined, decided_at, address_key) VALUES (19, 'ifqgfczwragdu36br4qku4tcfse4hogq@erased.invalid', '', '', '[0]', '07:00:00', 'UTC', '[]', 0, 'left', 0, NULL, false, '', NULL, false, false, NULL, 'ifqgfczwragdu36br4qku4tcfse4hogq@erased.invalid');
INSERT INTO public.suppressions (id, address, reason, since, lifted_at, lifted_why, is_complaint) VALUES (1, 'suppressed@example.org', 'hard bounce', '2026-06-15 08:00:00+00', NULL, '', false);
INSERT INTO public.suppressions (id, address, reason, since, lifted_at, lifted_why, is_complaint) VALUES (2, 'complained@example.org', 'complaint', '2026-06-15 08:00:00+00', NULL, '', true);
INSERT INTO public.suppressions (id, address, reason, since, lifted_at, lifted_why, is_complaint) VALUES (3, 'accepted@example.org', 'hard bounce', '2026-06-07 08:00:00+00', '2026-06-11 08:00:00+00', 'lifted by the operator', false);
INSERT INTO public.validators (location, etag, last_modified, content_hash, following, listed_on, listed) VALUES ('https://example.org/api', '"e1"', 'Mon, 15 Jun 2026 07:00:00 GMT', '0000000000000000000000000000000000000000000000000000000000000000', '', '2026-06-16', 3);
SELECT pg_catalog.setval('public.bounces_id_seq', 2, true);
SELECT pg_catalog.setval('public.confirmations_id_seq', 3, true);
SELECT pg_catalog.setval('public.consents_id_seq', 20, true);
SELECT pg_catalog.setval('public.deliveries_id_seq', 14, true);
SELECT pg_catalog.setval('public.entries_id_seq', 6, true);
SELECT pg_catalog.setval('public.entry_events_id_seq', 1, true);
SELECT pg_catalog.setval('public.fetches_id_seq', 2, true);
SELECT pg_catalog.setval('public.instances_id_seq', 1, true);
SELECT pg_catalog.setval('public.sightings_id_seq', 6, true);
SELECT pg_catalog.setval('public.subscribers_id_seq', 20, true);
SELECT pg_catalog.setval('public.suppressions_id_seq', 3, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT pk_attempts PRIMARY KEY (delivery, number);
ALTER TABLE ONLY public.bounces
    ADD CONSTRAINT pk_bounces PRIMARY KEY (id);
ALTER TABLE ONLY public.bundles
    ADD CONSTRAINT pk_bundles PRIMARY KEY (hash);
ALTER TABLE ONLY public.cards
    ADD CONSTRAINT pk_cards PRIMARY KEY (hash);
ALTER TABLE ONLY public.confirmations
    ADD CONSTRAINT pk_confirmations PRIMARY KEY (id);
ALTER TABLE ONLY public.consents
    ADD CONSTRAINT pk_consents PRIMARY KEY (id);
ALTER TABLE ONLY public.counters
    ADD CONSTRAINT pk_counters PRIMARY KEY (id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT pk_deliveries PRIMARY KEY (id);
ALTER TABLE ONLY public.delivery_entries
    ADD CONSTRAINT pk_delivery_entries PRIMARY KEY (delivery, entry);
ALTER TABLE ONLY public.entries
    ADD CONSTRAINT pk_entries PRIMARY KEY (id);
ALTER TABLE ONLY public.entry_events
    ADD CONSTRAINT pk_entry_events PRIMARY KEY (id);
ALTER TABLE ONLY public.entry_keys
    ADD CONSTRAINT pk_entry_keys PRIMARY KEY (key);
ALTER TABLE ONLY public.entry_words
    ADD CONSTRAINT pk_entry_words PRIMARY KEY (entry);
ALTER TABLE ONLY public.fetches
    ADD CONSTRAINT pk_fetches PRIMARY KEY (id);
ALTER TABLE ONLY public.instances
    ADD CONSTRAINT pk_instances PRIMARY KEY (id);
ALTER TABLE ONLY public.moves
    ADD CONSTRAINT pk_moves PRIMARY KEY (location);
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT pk_observations PRIMARY KEY (entry, observed_at);
ALTER TABLE ONLY public.relay_days
    ADD CONSTRAINT pk_relay_days PRIMARY KEY (relay, day);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT pk_runs PRIMARY KEY (number);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT pk_sessions PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.settings
    ADD CONSTRAINT pk_settings PRIMARY KEY (key);
ALTER TABLE ONLY public.sightings
    ADD CONSTRAINT pk_sightings PRIMARY KEY (id);
ALTER TABLE ONLY public.source_health
    ADD CONSTRAINT pk_source_health PRIMARY KEY (source);
ALTER TABLE ONLY public.sources
    ADD CONSTRAINT pk_sources PRIMARY KEY (name);
ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT pk_subscribers PRIMARY KEY (id);
ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT pk_suppressions PRIMARY KEY (id);
ALTER TABLE ONLY public.validators
    ADD CONSTRAINT pk_validators PRIMARY KEY (location);
ALTER TABLE ONLY public.bounces
    ADD CONSTRAINT uq_bounces_report_hash UNIQUE (report_hash);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT uq_deliveries_kind_key_recipient UNIQUE (kind, key, recipient);
ALTER TABLE ONLY public.entries
    ADD CONSTRAINT uq_entries_key UNIQUE (key);
ALTER TABLE ONLY public.entry_events
    ADD CONSTRAINT uq_entry_events_entry_kind_detail UNIQUE (entry, kind, detail);
ALTER TABLE ONLY public.sightings
    ADD CONSTRAINT uq_sightings_entry_source_guid_listed_on UNIQUE (entry, source, guid, listed_on);
ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT uq_subscribers_address UNIQUE (address);
CREATE INDEX ix_bounces_address_at ON public.bounces USING btree (address, at);
CREATE INDEX ix_bounces_at ON public.bounces USING btree (at);
CREATE INDEX ix_confirmations_address_asked_at ON public.confirmations USING btree (address, asked_at);
CREATE INDEX ix_confirmations_expires_at ON public.confirmations USING btree (expires_at);
CREATE INDEX ix_confirmations_subscriber ON public.confirmations USING btree (subscriber);
CREATE INDEX ix_consents_subscriber ON public.consents USING btree (subscriber);
CREATE INDEX ix_deliveries_kind_key_state ON public.deliveries USING btree (kind, key, state);
CREATE INDEX ix_deliveries_message_id ON public.deliveries USING btree (message_id);
CREATE INDEX ix_deliveries_notices ON public.deliveries USING btree (state, next_attempt_at) WHERE ((kind)::text <> 'digest'::text);
CREATE INDEX ix_deliveries_recipient_key ON public.deliveries USING btree (recipient, key);
CREATE INDEX ix_deliveries_state_next_attempt_at_id ON public.deliveries USING btree (state, next_attempt_at, id);
CREATE INDEX ix_delivery_entries_entry ON public.delivery_entries USING btree (entry);
CREATE INDEX ix_entries_first_seen_at ON public.entries USING btree (first_seen_at);
CREATE INDEX ix_entries_first_seen_run ON public.entries USING btree (first_seen_run);
CREATE INDEX ix_entries_listed_on_first_seen_at ON public.entries USING btree (listed_on, first_seen_at);
CREATE INDEX ix_entry_keys_entry ON public.entry_keys USING btree (entry);
CREATE INDEX ix_entry_words_words ON public.entry_words USING gin (words);
CREATE INDEX ix_fetches_finished_at ON public.fetches USING btree (finished_at);
CREATE INDEX ix_fetches_source_id ON public.fetches USING btree (source, id);
CREATE INDEX ix_observations_observed_at ON public.observations USING btree (observed_at);
CREATE INDEX ix_sightings_listed_on_entry ON public.sightings USING btree (listed_on, entry);
CREATE INDEX ix_subscribers_next_due_at ON public.subscribers USING btree (next_due_at);
CREATE INDEX ix_subscribers_wake_at ON public.subscribers USING btree (wake_at);
CREATE UNIQUE INDEX uq_subscribers_address_key ON public.subscribers USING btree (address_key);
CREATE UNIQUE INDEX uq_suppressions_address_in_force ON public.suppressions USING btree (address) WHERE (lifted_at IS NULL);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT fk_attempts_delivery FOREIGN KEY (delivery) REFERENCES public.deliveries(id);
ALTER TABLE ONLY public.bounces
    ADD CONSTRAINT fk_bounces_delivery FOREIGN KEY (delivery) REFERENCES public.deliveries(id);
ALTER TABLE ONLY public.confirmations
    ADD CONSTRAINT fk_confirmations_subscriber FOREIGN KEY (subscriber) REFERENCES public.subscribers(id);
ALTER TABLE ONLY public.consents
    ADD CONSTRAINT fk_consents_subscriber FOREIGN KEY (subscriber) REFERENCES public.subscribers(id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_bundle_hash FOREIGN KEY (bundle_hash) REFERENCES public.bundles(hash);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_claimed_by FOREIGN KEY (claimed_by) REFERENCES public.instances(id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_recipient FOREIGN KEY (recipient) REFERENCES public.subscribers(id);
ALTER TABLE ONLY public.delivery_entries
    ADD CONSTRAINT fk_delivery_entries_delivery FOREIGN KEY (delivery) REFERENCES public.deliveries(id);
ALTER TABLE ONLY public.delivery_entries
    ADD CONSTRAINT fk_delivery_entries_entry FOREIGN KEY (entry) REFERENCES public.entries(id);
ALTER TABLE ONLY public.entry_events
    ADD CONSTRAINT fk_entry_events_entry FOREIGN KEY (entry) REFERENCES public.entries(id);
ALTER TABLE ONLY public.entry_keys
    ADD CONSTRAINT fk_entry_keys_entry FOREIGN KEY (entry) REFERENCES public.entries(id);
ALTER TABLE ONLY public.fetches
    ADD CONSTRAINT fk_fetches_run FOREIGN KEY (run) REFERENCES public.runs(number);
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT fk_observations_entry FOREIGN KEY (entry) REFERENCES public.entries(id);
ALTER TABLE ONLY public.sightings
    ADD CONSTRAINT fk_sightings_entry FOREIGN KEY (entry) REFERENCES public.entries(id);
ALTER TABLE ONLY public.sources
    ADD CONSTRAINT fk_sources_first_run FOREIGN KEY (first_run) REFERENCES public.runs(number);
