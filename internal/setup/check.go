package setup

// Status is how a prerequisite was found.
type Status string

// The three statuses. Missing is what an installation cures; broken is there and
// does not do.
const (
	OK      Status = "ok"
	Missing Status = "missing"
	Broken  Status = "broken"
)

// Check is the judgement on one prerequisite: one line of the doctor.
type Check struct {
	Name     string `json:"name"`
	Status   Status `json:"status"`
	Optional bool   `json:"optional,omitempty"` // the product works without it
	Found    string `json:"found"`
	Fix      string `json:"fix,omitempty"`
}

// Blocks tells a check that stands in the way from one that passes or is only
// good to know.
func (c Check) Blocks() bool { return c.Status != OK && !c.Optional }

// The names of the checks, as doctor prints them.
const (
	nameGo       = "go"
	nameGit      = "git"
	nameEngine   = "docker engine"
	nameCLI      = "docker cli"
	nameCompose  = "compose plugin"
	nameBuildx   = "buildx plugin"
	nameIptables = "iptables"
	nameStrap    = "mmdebstrap"
	nameDisk     = "disk space"
	nameMemory   = "memory"
	nameClock    = "clock"
	namePorts    = "ports"
	nameBrowser  = "chromium"
	nameCompiler = "c compiler"
)

// prerequisite is one thing that a machine must have. The judgement is a
// function of facts alone; ok is false where the question does not arise.
type prerequisite struct {
	name  string
	judge func(Facts, Options) (c Check, ok bool)
}

// prerequisites in the order in which a person would set a machine up.
var prerequisites = []prerequisite{
	{nameGo, judgeGo},
	{nameGit, judgeGit},
	{nameEngine, judgeEngine},
	{nameCLI, judgeCLI},
	{nameCompose, judgeCompose},
	{nameBuildx, judgeBuildx},
	{nameIptables, judgeIptables},
	{nameStrap, judgeStrap},
	{nameDisk, judgeDisk},
	{nameMemory, judgeMemory},
	{nameClock, judgeClock},
	{namePorts, judgePorts},
	{nameBrowser, judgeBrowser},
	{nameCompiler, judgeCompiler},
}

// Inspect judges every prerequisite. It is pure.
func Inspect(f Facts, o Options) []Check {
	checks := make([]Check, 0, len(prerequisites))
	for _, p := range prerequisites {
		if c, ok := p.judge(f, o); ok {
			c.Name = p.name
			checks = append(checks, c)
		}
	}
	return checks
}

// blocking returns the checks that stand in the way.
func blocking(checks []Check) []Check {
	var bad []Check
	for _, c := range checks {
		if c.Blocks() {
			bad = append(bad, c)
		}
	}
	return bad
}

func failed(checks []Check, name string) bool {
	for _, c := range checks {
		if c.Name == name {
			return c.Blocks()
		}
	}
	return false
}
