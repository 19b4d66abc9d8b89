package supervisor

import (
	"context"
	"fmt"
	"time"
)

func (s *Supervisor) askCertificate(ctx context.Context) {
	ready, err := s.certs.Prepare(ctx)
	if err != nil {
		s.log.Error("a certificate could not be prepared; without one nginx serves plain HTTP until there is", "ready", ready, "error", err.Error())
	}
	s.certificateReady.Store(ready)
	if cert, _ := s.settings.Values.CertFiles(); ready && cert != "" {
		// Plain HTTP and who does not mind are better served than nobody is.
		if at, err := expiry(cert); err == nil && at.Before(s.now()) {
			s.log.Warn("the certificate has expired; it is served all the same, and browsers refuse it", "expired", at)
		}
	}
}

// renew runs the source of certificates, again after a pause if it fails.
func (s *Supervisor) renew(ctx context.Context) {
	for {
		err := s.certs.Run(ctx, func(ctx context.Context) error {
			was := s.certificateReady.Swap(true)
			_, err := s.reloader.Do(ctx, Change{Reason: "certificate"})
			if err != nil {
				s.certificateReady.Store(was) // a first certificate that nginx refuses must not stop other changes
			}
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
