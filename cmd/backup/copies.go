package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"drydock/internal/backup"
	"drydock/internal/backup/physical"
)

func fetchFlags(flags *flag.FlagSet) *backup.FetchOptions {
	var f backup.FetchOptions
	flags.StringVar(&f.At, "at", "", "a time with its offset, or latest")
	flags.StringVar(&f.Repository, "repository", "", "local or s3; the first that can do it without")
	flags.StringVar(&f.Dir, "to", physical.RestoreDir, "an empty folder; empty only says what would be done")
	return &f
}

// copies are the verbs about physical backups.
func copies(ctx context.Context, s *backup.Service, verb string, f *backup.FetchOptions) error {
	switch verb {
	case "fetch":
		got, err := s.Fetch(ctx, *f)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(got)
	case "adopt":
		return s.Adopt(ctx)
	}
	made, err := s.Copy(ctx, verb) // the verbs are the store's levels
	for _, b := range made {
		if _, printErr := fmt.Println(b.ID); printErr != nil {
			return errors.Join(err, printErr)
		}
	}
	return err
}
