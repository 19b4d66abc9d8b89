package supervisor

import (
	"context"
	"fmt"
	"time"
)

func (s *Supervisor) askCertificate(ctx context.Context) {
	ready, err := s.certs.Prepare(ctx)
	if err != nil {
		s.log.Error("there is no certificate yet; serving without TLS until there is", "error", err.Error())
	}
	s.certificateReady.Store(ready && err == nil)
}

// renew runs the source of certificates, again after a pause if it fails.
func (s *Supervisor) renew(ctx context.Context) {
	for {
		err := s.certs.Run(ctx, func(ctx context.Context) error {
			s.certificateReady.Store(true)
			_, err := s.reloader.Do(ctx, Change{Reason: "certificate"})
			return err
		})
		if ctx.Err() != nil {
			return
		}
		s.log.Error("the source of certificates ended; starting it again in a minute", "error", fmt.Sprint(err))
		if !sleep(ctx, time.Minute) {
			return
		}
	}
}
