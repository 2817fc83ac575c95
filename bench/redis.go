//go:build linux

package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisWork is what Redis has done so far, by its own account.
type redisWork struct {
	// cpu is that of its process, with reading requests and writing replies.
	cpu time.Duration
	// script is the time within scripts, runs how many there were.
	script time.Duration
	runs   int
	// memory is what it uses, in bytes.
	memory int
}

// workOf asks Redis. https://redis.io/docs/latest/commands/info/
func workOf(ctx context.Context, rdb *redis.Client) (redisWork, error) {
	info, err := rdb.Info(ctx, "cpu", "commandstats", "memory").Result()
	if err != nil {
		return redisWork{}, err
	}
	var w redisWork
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "used_cpu_user", "used_cpu_sys":
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return w, err
			}
			w.cpu += time.Duration(seconds * float64(time.Second))
		case "used_memory":
			w.memory, err = strconv.Atoi(value)
		case "cmdstat_evalsha":
			w.runs, err = strconv.Atoi(statOf(value, "calls"))
			if err != nil {
				return w, err
			}
			var micros int
			micros, err = strconv.Atoi(statOf(value, "usec"))
			w.script = time.Duration(micros) * time.Microsecond
		}
		if err != nil {
			return w, err
		}
	}
	return w, nil
}

// statOf gives one number of a line such as calls=1,usec=23.
func statOf(line, name string) string {
	for field := range strings.SplitSeq(line, ",") {
		if value, ok := strings.CutPrefix(field, name+"="); ok {
			return value
		}
	}
	return "0"
}
