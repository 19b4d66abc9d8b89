package backup

import (
	"github.com/prometheus/client_golang/prometheus"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
	"drydock/internal/disk"
)

// spaces are the file systems that this container sees: of the backups (its volume, and the
// one of the physical ones), of the database, and of the engine's data, which the container's
// own root stands on. So it can be told of a remote engine, too. One that does not say how large it is, is
// left out: a list of backups is wanted all the same.
func spaces(root string) []disk.Filesystem {
	list := []disk.Filesystem{}
	for _, p := range places(root) {
		free, total, err := store.Space(p.dir)
		if err == nil && total > 0 {
			list = append(list, disk.Filesystem{Of: p.of, Free: free, Total: total})
		}
	}
	return list
}

// place is a folder of a file system, and whose data is there.
type place struct{ of, dir string }

func places(root string) []place {
	return []place{{"engine", "/"}, {"database", physical.DataDir}, {"backups", root}, {"physical", physical.RepoDir}}
}

var (
	descFree = prometheus.NewDesc("drydock_disk_free_bytes", "Space that the file system with these data has left.", []string{"of"}, nil)
	descSize = prometheus.NewDesc("drydock_disk_size_bytes", "Size of the file system with these data.", []string{"of"}, nil)
)

// diskCollector gives the disks to Prometheus, when it asks.
type diskCollector struct{ root string }

// Describe is part of prometheus.Collector.
func (diskCollector) Describe(ch chan<- *prometheus.Desc) { ch <- descFree; ch <- descSize }

// Collect is part of prometheus.Collector.
func (c diskCollector) Collect(ch chan<- prometheus.Metric) {
	for _, f := range spaces(c.root) {
		ch <- prometheus.MustNewConstMetric(descFree, prometheus.GaugeValue, float64(f.Free), f.Of)
		ch <- prometheus.MustNewConstMetric(descSize, prometheus.GaugeValue, float64(f.Total), f.Of)
	}
}
