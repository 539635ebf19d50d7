package frontend

// pollInterval is how often sync clients may look for changes, in milliseconds; they ignore
// less than 5000.
const pollInterval = 30_000

// capabilities are what the family serves, in the words of the ownCloud API.
type capabilities struct {
	Version struct {
		Major   int    `json:"major" xml:"major"`
		Minor   int    `json:"minor" xml:"minor"`
		Micro   int    `json:"micro" xml:"micro"`
		String  string `json:"string" xml:"string"`
		Edition string `json:"edition" xml:"edition"`
		Product string `json:"product" xml:"product"`
	} `json:"version" xml:"version"`
	Capabilities struct {
		Core      coreCapabilities     `json:"core" xml:"core"`
		Checksums checksumCapabilities `json:"checksums" xml:"checksums"`
		Files     fileCapabilities     `json:"files" xml:"files"`
		DAV       davCapabilities      `json:"dav" xml:"dav"`
		Sharing   sharingCapabilities  `json:"files_sharing" xml:"files_sharing"`
	} `json:"capabilities" xml:"capabilities"`
}

type coreCapabilities struct {
	PollInterval int          `json:"pollinterval" xml:"pollinterval"`
	WebDAVRoot   string       `json:"webdav-root" xml:"webdav-root"`
	Status       serverStatus `json:"status" xml:"status"`
}

type checksumCapabilities struct {
	Supported []string `json:"supportedTypes" xml:"supportedTypes>element"`
	Preferred string   `json:"preferredUploadType" xml:"preferredUploadType"`
}

// fileCapabilities says false where clients take a missing entry for true.
type fileCapabilities struct {
	BigFileChunking bool     `json:"bigfilechunking" xml:"bigfilechunking"`
	Undelete        bool     `json:"undelete" xml:"undelete"`
	Versioning      bool     `json:"versioning" xml:"versioning"`
	PrivateLinks    bool     `json:"privateLinks" xml:"privateLinks"`
	Blacklisted     []string `json:"blacklisted_files" xml:"blacklisted_files>element"`
}

type davCapabilities struct {
	Reports []string `json:"reports" xml:"reports>element"`
}

type sharingCapabilities struct {
	APIEnabled bool `json:"api_enabled" xml:"api_enabled"`
	Public     struct {
		Enabled bool `json:"enabled" xml:"enabled"`
	} `json:"public" xml:"public"`
}

func newCapabilities(settings Settings) capabilities {
	var c capabilities
	c.Version.Major, c.Version.Minor, c.Version.Micro = 10, 11, 0
	c.Version.String, c.Version.Edition, c.Version.Product = apiString, "Community", productName
	c.Capabilities.Core = coreCapabilities{PollInterval: pollInterval, WebDAVRoot: "remote.php/webdav", Status: settings.serverStatus()}
	c.Capabilities.Checksums = checksumCapabilities{Supported: []string{"SHA1", "MD5", "ADLER32"}, Preferred: "SHA1"}
	c.Capabilities.Files.Undelete = true
	c.Capabilities.Files.Blacklisted = []string{}
	c.Capabilities.DAV = davCapabilities{Reports: []string{}}
	return c
}
