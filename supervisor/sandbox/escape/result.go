package escape

// Result is what came of one attempt.
type Result struct {
	Name     string `json:"name"`     // stable, such as "read-shadow"
	Group    string `json:"group"`    // such as "files"
	Expected string `json:"expected"` // in a sandbox, in words
	Got      string `json:"got"`      // an error's text, or what it obtained
	Escaped  bool   `json:"escaped"`
	// NotApplicable says why the attempt says nothing here, such as a file that this
	// machine does not have. Such a result is neither an escape nor a refusal.
	NotApplicable string `json:"not_applicable,omitempty"`
	// Untried: the attempt could not be made, although it should have been; NotApplicable
	// says why. A suite with such a result has proven nothing and must not count as passed.
	Untried bool `json:"untried,omitempty"`
}
