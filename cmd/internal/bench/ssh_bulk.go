package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// copied is scp of a file, whose start and sign-in are part of every path's time.
func (b *bench) copied(name, flag string, up bool) workload {
	return workload{name: name, unit: "ms", versus: direct, run: func(ctx context.Context, p path) (float64, error) {
		before, err := processorTime(b.gateway())
		if err != nil {
			return 0, err
		}
		begin := time.Now()
		out, err := b.scp(ctx, p, flag, b.file(), up).CombinedOutput() // that /dev/null cannot be truncated, if all is well
		if err != nil {
			return 0, fmt.Errorf("scp: %w: %s", err, out)
		}
		ms := float64(time.Since(begin).Microseconds()) / 1000
		after, err := processorTime(b.gateway())
		if p.name == sallyport {
			b.note("%s: %.0f MiB/s; the gateway's processor time was %.2f s a GiB.", name, float64(b.size)/ms*1000, (after-before).Seconds()*1024/float64(b.size))
		}
		return ms, err
	}}
}

// scp moves file to or from the server.
func (b *bench) scp(ctx context.Context, p path, flag, file string, up bool) *exec.Cmd {
	host, args := p.name, []string{"-F", filepath.Join(b.dir, "ssh_config"), "-q", flag}
	if p.name == twice {
		host, args = direct, append(args, "-S", b.hop())
	}
	if up {
		args = append(args, file, host+":/dev/null")
	} else {
		args = append(args, host+":"+file, "/dev/null")
	}
	c := exec.CommandContext(ctx, "scp", args...)
	c.Env = append(os.Environ(), "SSH_ASKPASS="+filepath.Join(b.dir, "askpass"), "SSH_ASKPASS_REQUIRE=force", "SSH_AUTH_SOCK=")
	return c
}

// flat measures how much Sallyport's resident memory grows at most while a file of -long GiB is moved. What each tenth
// of the time had at most is noted: a buffer that grows with the file would show.
func (b *bench) flat(name string, up bool) workload {
	return workload{name: name, unit: "MiB", paths: []string{sallyport}, run: func(ctx context.Context, p path) (float64, error) {
		file := filepath.Join(b.dir, "long") // of zeros, without blocks on the disk
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			return 0, err
		}
		if err := os.Truncate(file, int64(b.long)<<30); err != nil {
			return 0, err
		}
		before, err := resident(b.gateway())
		if err != nil {
			return 0, err
		}
		c := b.scp(ctx, p, "-s", file, up)
		begin := time.Now()
		if err := c.Start(); err != nil {
			return 0, err
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		var seen []float64
		for over := false; !over; {
			select {
			case err := <-ended:
				if err != nil {
					return 0, fmt.Errorf("scp: %w", err)
				}
				over = true
			case <-time.After(look):
			}
			now, err := resident(b.gateway())
			if err != nil {
				return 0, err
			}
			seen = append(seen, now)
		}
		took := time.Since(begin)
		if err := b.settle(ctx, p); err != nil {
			return 0, err
		}
		after, err := resident(b.gateway())
		b.note("%s: %d GiB in %.0f s; resident MiB: %.0f before, at most %s in each tenth, %.0f afterwards.", name, b.long, took.Seconds(),
			before/mib, tenths(seen), after/mib)
		return (slices.Max(seen) - before) / mib, err
	}}
}

// tenths are the greatest of each tenth.
func tenths(seen []float64) string {
	var out []string
	for i := range 10 {
		part := seen[i*len(seen)/10 : (i+1)*len(seen)/10]
		if len(part) > 0 {
			out = append(out, fmt.Sprintf("%.0f", slices.Max(part)/mib))
		}
	}
	return strings.Join(out, ", ")
}
