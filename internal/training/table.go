package training

import (
	"context"
	"fmt"
)

const (
	makeOrders = `DROP TABLE IF EXISTS training_orders;
CREATE TABLE training_orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text NOT NULL, amount numeric(10, 2) NOT NULL);
INSERT INTO training_orders (customer, amount) SELECT 'customer ' || n % 40, n * 1.25 FROM generate_series(1, 500) n;`
	orders    = 500
	ordersSum = "156562.50" // of n * 1.25 for 1 to 500
)

func tableDropped() Exercise {
	return Exercise{
		Name:  "table-dropped",
		Story: "A colleague says: I wanted to drop training_orders in my own database, and was in the live one. Everything else has to stay as it is; people are working.",
		Hint:  "A table can come back alone. Which setting of backup:restore names it, and which one says into what database?",
		prepare: func(ctx context.Context, s *scene) error {
			if err := needsNotes(ctx, s); err != nil {
				return err
			}
			if _, err := s.SQL(ctx, makeOrders); err != nil {
				return err
			}
			return s.dump(ctx)
		},
		harm: func(ctx context.Context, s *scene) error {
			if _, err := s.SQL(ctx, fmt.Sprintf(insertNotes+"('%s', '')", laterNote)); err != nil {
				return err
			}
			_, err := s.SQL(ctx, "DROP TABLE training_orders")
			return err
		},
		check: func(ctx context.Context, s *scene) ([]string, error) {
			var symptoms []string
			n, err := s.count(ctx, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('public.training_orders')")
			if err != nil {
				return nil, err
			}
			if n == 0 {
				symptoms = append(symptoms, "relation \"training_orders\" does not exist")
			} else {
				text, err := s.SQL(ctx, "SELECT count(*), sum(amount) FROM training_orders")
				if err != nil {
					return nil, err
				}
				if text != fmt.Sprintf("%d|%s", orders, ordersSum) {
					symptoms = append(symptoms, "the orders do not add up: not all of them are there, or some are there twice")
				}
			}
			if n, err = s.count(ctx, fmt.Sprintf("SELECT count(*) FROM notes WHERE title = '%s'", laterNote)); err == nil && n == 0 {
				symptoms = append(symptoms, "what others have written since is gone: \""+laterNote+"\"")
			}
			return symptoms, err
		},
		undo: func(ctx context.Context, s *scene) error {
			if err := removeNotes(ctx, s); err != nil {
				return err
			}
			_, err := s.SQL(ctx, "DROP TABLE IF EXISTS training_orders CASCADE")
			return err
		},
	}
}
