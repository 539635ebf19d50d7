package frontend

// capabilities say what clients may use. Where a client takes an absent value for yes, no
// is said: bigfilechunking means yes when it is missing (owncloud/client,
// src/libsync/capabilities.cpp). Chunked and resumable uploads, sharing and spaces are
// not served, so their sections are missing or say no.
type capabilities struct {
	Version      serverVersion `json:"version" xml:"version"`
	Capabilities features      `json:"capabilities" xml:"capabilities"`
}

type serverVersion struct {
	Major          int    `json:"major" xml:"major"`
	Minor          int    `json:"minor" xml:"minor"`
	Micro          int    `json:"micro" xml:"micro"`
	String         string `json:"string" xml:"string"`
	Edition        string `json:"edition" xml:"edition"`
	Product        string `json:"product" xml:"product"`
	ProductVersion string `json:"productversion" xml:"productversion"`
}

type features struct {
	Core         core         `json:"core" xml:"core"`
	Checksums    checksums    `json:"checksums" xml:"checksums"`
	Files        files        `json:"files" xml:"files"`
	DAV          dav          `json:"dav" xml:"dav"`
	FilesSharing filesSharing `json:"files_sharing" xml:"files_sharing"`
}

type core struct {
	PollInterval      int    `json:"pollinterval" xml:"pollinterval"` // milliseconds; below 5000 it is ignored
	WebdavRoot        string `json:"webdav-root" xml:"webdav-root"`
	Status            status `json:"status" xml:"status"`
	SupportURLSigning bool   `json:"support-url-signing" xml:"support-url-signing"`
}

type checksums struct {
	SupportedTypes      []string `json:"supportedTypes" xml:"supportedTypes>element"`
	PreferredUploadType string   `json:"preferredUploadType" xml:"preferredUploadType"`
}

type files struct {
	BigFileChunking  bool     `json:"bigfilechunking" xml:"bigfilechunking"`
	Undelete         bool     `json:"undelete" xml:"undelete"`
	Versioning       bool     `json:"versioning" xml:"versioning"`
	PrivateLinks     bool     `json:"privateLinks" xml:"privateLinks"`
	BlacklistedFiles []string `json:"blacklisted_files" xml:"blacklisted_files>element"`
}

// dav has no "chunking": its presence alone would announce it.
type dav struct {
	Reports []string `json:"reports" xml:"reports>element"`
}

type filesSharing struct {
	APIEnabled bool     `json:"api_enabled" xml:"api_enabled"`
	Public     disabled `json:"public" xml:"public"`
	User       disabled `json:"user" xml:"user"`
}

type disabled struct {
	Enabled bool `json:"enabled" xml:"enabled"`
}

const pollInterval = 60_000

func newCapabilities(s status) capabilities {
	return capabilities{
		Version: serverVersion{
			Major: 10, Minor: 11, Micro: 0,
			String: s.VersionString, Edition: s.Edition, Product: s.Product, ProductVersion: s.ProductVersion,
		},
		Capabilities: features{
			Core:      core{PollInterval: pollInterval, WebdavRoot: "remote.php/webdav", Status: s},
			Checksums: checksums{SupportedTypes: []string{"SHA1", "MD5", "ADLER32"}, PreferredUploadType: "SHA1"},
			Files:     files{BlacklistedFiles: []string{}},
			DAV:       dav{Reports: []string{}},
		},
	}
}

// user is the answer to "who am I".
type user struct {
	ID          string `json:"id" xml:"id"`
	DisplayName string `json:"display-name" xml:"display-name"`
	Email       string `json:"email" xml:"email"`
}

// serverConfig is the answer of the config endpoint of the Open Collaboration Services
// (version 1.7).
type serverConfig struct {
	Version string `json:"version" xml:"version"`
	Website string `json:"website" xml:"website"`
	Host    string `json:"host" xml:"host"`
	Contact string `json:"contact" xml:"contact"`
	SSL     string `json:"ssl" xml:"ssl"`
}

func newServerConfig(host string) serverConfig {
	return serverConfig{Version: "1.7", Website: productName, Host: host, SSL: "true"}
}
