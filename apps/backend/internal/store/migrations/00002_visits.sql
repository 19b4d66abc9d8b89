-- +goose Up
-- The truth about visits lives here and not in Redis, which may be flushed.
CREATE TABLE counters (
    name  text   PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO counters (name, value) VALUES ('visits', 0);

-- +goose Down
DROP TABLE counters;
