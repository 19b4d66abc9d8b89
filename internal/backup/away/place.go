package away

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"drydock/internal/backup/physical"
	"drydock/internal/env"
)

// File is the name of the file, among the secrets of the service, that says where copies go.
const File = "copies-s3.json"

// options is what stands in it.
type options struct {
	Endpoint, Bucket, Region, Path, Style string
	AccessKey, SecretKey                  string
	Key                                   string // "" does not encrypt
}

// Files are the secrets that the service needs for the settings; none without a bucket. ca is
// the content of BACKUP_S3_CA.
func Files(s *env.Settings, ca string) map[string]string {
	if s.Backup.Physical.S3.Endpoint == "" {
		return nil
	}
	text, err := json.Marshal(optionsOf(s))
	if err != nil {
		panic(fmt.Sprintf("writing texts as JSON cannot fail: %v", err))
	}
	files := map[string]string{File: string(text)}
	if ca != "" {
		files[physical.CAFile] = ca
	}
	return files
}

func optionsOf(s *env.Settings) options {
	p := s.Backup.Physical
	o := options{
		Endpoint: p.S3.Endpoint, Bucket: p.S3.Bucket, Region: p.S3.Region, Path: p.S3.Path, Style: p.S3.Style,
		AccessKey: p.S3.AccessKey.Reveal(), SecretKey: p.S3.SecretKey.Reveal(),
	}
	if p.EncryptsS3() {
		o.Key = p.Key.Reveal()
	}
	return o
}

// Changed names the settings by which two contents of File differ. An empty one is a file that is
// not there. It shows no value.
func Changed(old, now string) (names []string) {
	var a, b options
	if old == "" || now == "" || json.Unmarshal([]byte(old), &a) != nil || json.Unmarshal([]byte(now), &b) != nil {
		return []string{"BACKUP_S3_ENDPOINT"}
	}
	key := "BACKUP_KEY"
	if a.Key == "" || b.Key == "" {
		key = "BACKUP_ENCRYPT"
	}
	for _, one := range []struct{ name, old, now string }{
		{"BACKUP_S3_ENDPOINT", a.Endpoint, b.Endpoint}, {"BACKUP_S3_BUCKET", a.Bucket, b.Bucket}, {"BACKUP_S3_REGION", a.Region, b.Region},
		{"BACKUP_S3_PATH", a.Path, b.Path}, {"BACKUP_S3_STYLE", a.Style, b.Style}, {"BACKUP_S3_ACCESS_KEY", a.AccessKey, b.AccessKey},
		{"BACKUP_S3_SECRET_KEY", a.SecretKey, b.SecretKey}, {key, a.Key, b.Key},
	} {
		if one.old != one.now {
			names = append(names, one.name)
		}
	}
	return names
}

// Place is a folder of a bucket.
type Place struct {
	client *minio.Client
	bucket string
	prefix string // ends with /
	key    string // passphrase; "" does not encrypt
}

// Open reads the secrets in a folder; nil where there is no bucket. It asks nobody yet.
func Open(dir string) (*Place, error) {
	text, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var o options
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		return nil, fmt.Errorf("reading where copies go: %w", err)
	}
	t, err := transport(filepath.Join(dir, physical.CAFile))
	if err != nil {
		return nil, err
	}
	return place(o, t)
}

// Of is the place that the settings name, for a machine on which no service has those secrets yet. They
// have to name a bucket. It asks nobody yet.
func Of(s *env.Settings) (*Place, error) {
	t, err := transport(s.Backup.Physical.S3.CA)
	if err != nil {
		return nil, err
	}
	return place(optionsOf(s), t)
}

func place(o options, t *http.Transport) (*Place, error) {
	lookup := minio.BucketLookupPath
	if o.Style == "host" {
		lookup = minio.BucketLookupDNS
	}
	client, err := minio.New(o.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: true, Region: o.Region, BucketLookup: lookup, Transport: t,
		MaxRetries: 3,
	})
	if err != nil {
		return nil, fmt.Errorf("BACKUP_S3_ENDPOINT: %w", err)
	}
	return &Place{client: client, bucket: o.Bucket, prefix: strings.Trim(path.Join(o.Path, "copies"), "/") + "/", key: o.Key}, nil
}

// transport trusts one authority more, if it has a file and that is there.
func transport(ca string) (*http.Transport, error) {
	text, err := os.ReadFile(ca)
	t, typeErr := minio.DefaultTransport(true)
	if errors.Is(err, fs.ErrNotExist) || typeErr != nil {
		return t, typeErr
	}
	if err != nil {
		return nil, fmt.Errorf("BACKUP_S3_CA: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // an image without any
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("BACKUP_S3_CA: there is no certificate in it")
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

func (p *Place) data(m Manifest) string {
	name := p.prefix + m.ID + "/" + dataName
	if m.Encrypted {
		name += ageSuffix
	}
	return name
}

func (p *Place) manifest(id string) string { return p.prefix + id + "/" + manifestName }

const (
	dataName     = "data.tar"
	ageSuffix    = ".age"
	manifestName = "manifest.json"
)

// fixes are what to do about the storage's answers, by their codes.
var fixes = map[string]string{
	"SignatureDoesNotMatch": "is BACKUP_S3_SECRET_KEY the one that belongs to BACKUP_S3_ACCESS_KEY?",
	"InvalidAccessKeyId":    "the storage does not know BACKUP_S3_ACCESS_KEY",
	"AccessDenied":          "may the owner of BACKUP_S3_ACCESS_KEY list, read, write and delete in BACKUP_S3_BUCKET?",
	"NoSuchBucket":          "make the bucket that BACKUP_S3_BUCKET names, or correct it",
}

// explain says what was done, what came of it, and what to do.
func (p *Place) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if fix := fixes[code(err)]; fix != "" {
		return fmt.Errorf("%s on S3: %w; %s", doing, err, fix)
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return fmt.Errorf("%s on S3: %w; if the storage's certificate is of an authority of your own, give it in BACKUP_S3_CA", doing, err)
	}
	return fmt.Errorf("%s on S3: %w", doing, err)
}

// code is the storage's word for what went wrong, wherever in the error it is; "" is none.
func code(err error) string {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}
