-- +goose Up
-- pg_trgm is a trusted extension (PostgreSQL 13 and newer): the owner of the database may create it, no superuser is
-- needed. Trigrams find parts of words in any language, also those that are written without spaces.
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

CREATE TABLE notes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title      text        NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    body       text        NOT NULL CHECK (char_length(body) <= 10000),
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The search expression of queries must be spelled exactly like this one, or the index is not used.
CREATE INDEX notes_search ON notes USING gin ((title || E'\n' || body) public.gin_trgm_ops);

-- +goose Down
DROP TABLE notes;
