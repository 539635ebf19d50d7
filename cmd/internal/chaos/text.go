package chaos

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
)

// short writes a time in few characters with three digits: 8.13ms, 12.3ms, 123ms, 3.42s.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 100*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// clock is how the time of the day is written.
const clock = "15:04:05.000"

func shortSignal(signal string) string { return strings.TrimPrefix(signal, "SIG") }

// WriteSchedule writes what is going to be hit, and with what, before the first hit.
func WriteSchedule(out io.Writer, plan Plan, questions []Question) {
	fmt.Fprintf(out, "seed %d: the same --seed, services, signals, --every and --for hit the same again\n", plan.Seed)
	for _, q := range questions {
		fmt.Fprintf(out, "probe %s %s\n", q.Method, q.URL)
	}
	hits := plan.Schedule()
	half := (len(hits) + 1) / 2
	var rows [][]print.Cell
	for n := range half {
		row := cells(hits[n])
		if n+half < len(hits) {
			row = append(append(row, print.Text("  ")), cells(hits[n+half])...)
		}
		rows = append(rows, row)
	}
	header := []string{"HIT", "AT", "SERVICE", "SIGNAL"}
	if len(hits) > 1 {
		header = append(append(header, ""), header...)
	}
	fmt.Fprintln(out)
	print.Table(out, header, rows)
	fmt.Fprintln(out)
}

func cells(hit Hit) []print.Cell {
	at := fmt.Sprintf("+%.2fs", time.Duration(hit.After).Seconds())
	return []print.Cell{print.Text(fmt.Sprint(hit.Number)), print.Text(at), print.Text(hit.Service), print.Text(shortSignal(hit.Signal))}
}

// WriteRecovery writes about a hit when it is known what became of it: one line, and
// another for what went wrong. Its error says that nobody reads it.
func WriteRecovery(out io.Writer, r Recovery) error {
	if r.At.IsZero() {
		_, err := fmt.Fprintf(out, "%-12s %-3d %s %s\n  %s\n", "-", r.Number, r.Service, shortSignal(r.Signal), print.Paint(out, r.Problem, print.Yellow))
		return err
	}
	became := " " + print.Paint(out, "ready after "+short(time.Duration(r.Ready)), print.Green)
	if r.Ready == 0 {
		became = "\n  " + print.Paint(out, r.Problem, print.Red)
	}
	at := print.Paint(out, r.At.Local().Format(clock), print.Dim)
	_, err := fmt.Fprintf(out, "%s %-3d %-9s %-11s pid %-7d %-4s%s\n", at, r.Number, r.Service, r.Instance, r.Pid, shortSignal(r.Signal), became)
	return err
}

// WriteText writes a report for people.
func (r Report) WriteText(out io.Writer) {
	fmt.Fprintf(out, "\nAfter %s with %d new connections a second\n\n", short(time.Duration(r.Took)), Rate)
	table(out, "SERVICE", append(r.Services[:len(r.Services):len(r.Services)], r.Total))
	fmt.Fprintln(out)
	table(out, "SIGNAL", r.Signals)
	fmt.Fprintf(out, "\nA row counts the requests that were on their way from a hit to %s after the\n"+
		"recovery; one that may have felt two hits is in two rows. Lost are those inside\n"+
		"the very child that they had connected to when it was hit.\n", aftermath)
	writeFailures(out, r)
}

func writeFailures(out io.Writer, r Report) {
	left := r.Total.Failed + r.Total.Refused + r.Total.Lost
	for _, f := range r.Failures {
		fmt.Fprintf(out, "\n%s\n", print.Paint(out, fmt.Sprintf("%d %s: %s", f.Count, f.Outcome, f.Problem), print.Yellow))
		during := "while nothing was hit"
		if len(f.During) > 0 {
			during = "around hits of " + strings.Join(f.During, ", ")
		}
		fmt.Fprintf(out, "  %s to %s, %s\n", f.First.Local().Format(clock), f.Last.Local().Format(clock), during)
		left -= f.Count
	}
	if left > 0 {
		fmt.Fprintf(out, "\n%d more, of other kinds\n", left)
	}
}

func table(out io.Writer, title string, rows []Row) {
	var cells [][]print.Cell
	for _, r := range rows {
		cells = append(cells, []print.Cell{
			print.Text(shortSignal(r.Name)), print.Text(fmt.Sprint(r.Kills)), bad(r.Recoveries, r.Recoveries < r.Kills),
			timeCell(r, r.Median), timeCell(r, r.P99), timeCell(r, r.Max),
			print.Text(fmt.Sprint(r.Requests)), bad(r.Failed, r.Failed > 0), bad(r.Refused, r.Refused > 0), print.Text(fmt.Sprint(r.Lost)),
		})
	}
	print.Table(out, []string{title, "KILLS", "RECOVERIES", "MEDIAN", "P99", "MAX", "SENT", "FAILED", "REFUSED", "LOST"}, cells)
}

func bad(n int, is bool) print.Cell {
	cell := print.Text(fmt.Sprint(n))
	if is {
		cell.Color = print.Red
	}
	return cell
}

func timeCell(r Row, span Span) print.Cell {
	if r.Recoveries == 0 {
		return print.Text("-")
	}
	return print.Text(short(time.Duration(span)))
}
