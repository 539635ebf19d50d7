// Package thumbnailsapi is what others know of the thumbnails service: which previews can be
// asked for, what a picture looks like from outside, and the client.
//
// A picture goes by the checksum of its content. Whoever asks has checked that the user
// may see it; the service knows no users' files and no paths.
package thumbnailsapi
