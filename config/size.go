package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
)

// units are those of sizes.
var units = map[string]float64{
	"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
}

// Bytes reads a size: 100GB, 1.5 GiB, 4096.
func Bytes(text string) (int64, error) {
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit, known := units[strings.ToUpper(strings.TrimSpace(text[len(number):]))]
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if size := n * unit; known && err == nil && size >= 1 && size < math.MaxInt64 {
		return int64(size), nil
	}
	return 0, fmt.Errorf("%q is not a size; write it as 100GB or 1GiB", text)
}

func (a *Agent) validateArtifact(wrong *api.InvalidError) {
	f := a.Client.Artifact
	for name, size := range map[string]string{"http_max_size": f.HTTPMaxSize, "decompression_size_limit": f.DecompressionSizeLimit} {
		if _, err := Bytes(size); err != nil {
			wrong.Add("client.artifact."+name, err.Error())
		}
	}
	for name, n := range map[string]int64{
		"http_read_timeout": int64(f.HTTPReadTimeout), "git_timeout": int64(f.GitTimeout),
		"decompression_file_count_limit": int64(f.DecompressionFileCountLimit),
	} {
		if n <= 0 {
			wrong.Add("client.artifact."+name, "it must be more than nothing")
		}
	}
	for _, path := range f.FilesystemIsolationExtraPaths {
		if !strings.HasPrefix(path, "/") {
			wrong.Add("client.artifact.filesystem_isolation_extra_paths", fmt.Sprintf("%q must be an absolute path", path))
		}
	}
}
