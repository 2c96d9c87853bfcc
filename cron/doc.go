// Package cron says when periodic jobs are launched.
//
// A Schedule is one or several crons in a time zone. Crons are matched against what a
// clock on the wall of that zone shows, and a zone's clocks are put forward and back.
// So that a job neither misses its day then nor is launched over and over:
//
//   - A cron of fixed hours (anything but * or */N in its field of hours) is launched
//     when the clock first reaches or passes its time. A time that is left out, 02:30
//     in the night in which 02:00 is followed by 03:00, is made up for right after the
//     gap, once, however many times of the cron fell into it. A time that comes twice
//     is launched the first time only.
//   - A cron of every hour, or every Nth (* or */N), goes by real hours and minutes: it
//     is launched at every moment at which the clock shows a time that it matches. What
//     is left out is not made up for: the next one is N hours away at most. What comes
//     twice is launched twice.
//
// Launches are strictly increasing moments in any case.
//
// The form of a cron is that of github.com/hashicorp/cronexpr: five fields (minute,
// hour, day of month, month, day of week), with a sixth for the year, or seven with the
// second at the front and the year at the end; lists, ranges, steps, names of months and
// days, L, W and #; and @hourly, @daily, @midnight, @weekly, @monthly, @yearly and
// @annually. When days of the month and of the week are both restricted, either is
// enough, as cron has always had it.
package cron
