//! Standard input and output as streams that do not block, where the system can give such.
//!
//! A host hands over pipes, or sockets as Node does. Both can be polled. A terminal or a file goes through tokio's
//! blocking threads, where each read costs a hand-over between threads.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

pub(super) type Input = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Output = Box<dyn AsyncWrite + Send + Unpin>;

#[cfg(not(unix))]
pub(super) fn take() -> io::Result<(Input, Output)> {
    Ok((Box::new(tokio::io::stdin()), Box::new(tokio::io::stdout())))
}

#[cfg(unix)]
pub(super) fn take() -> io::Result<(Input, Output)> {
    use std::os::fd::AsFd;

    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    // A tool that prints must not break the protocol: descriptor 1 becomes standard error, the protocol keeps a copy.
    rustix::stdio::dup2_stdout(io::stderr().as_fd())?;
    let input = match polled::input(&input)? {
        Some(polled) => polled,
        None => Box::new(tokio::io::stdin()),
    };
    let output = match polled::output(&output)? {
        Some(polled) => polled,
        None => Box::new(tokio::fs::File::from_std(std::fs::File::from(output))),
    };
    Ok((input, output))
}

#[cfg(unix)]
mod polled {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream as StdStream;

    use tokio::net::UnixStream;
    use tokio::net::unix::pipe;

    use super::{Input, Output};

    enum Kind {
        Pipe,
        Socket,
        Other,
    }

    fn kind(fd: &OwnedFd) -> io::Result<Kind> {
        let file_type = File::from(fd.try_clone()?).metadata()?.file_type();
        Ok(if file_type.is_fifo() {
            Kind::Pipe
        } else if file_type.is_socket() {
            Kind::Socket
        } else {
            Kind::Other
        })
    }

    /// Opening a pipe anew gives it a description of its own, so that `O_NONBLOCK` stays with us and does not reach
    /// whoever shares the original. `None` where the system has no such path.
    pub(super) fn input(fd: &OwnedFd) -> io::Result<Option<Input>> {
        Ok(match kind(fd)? {
            Kind::Pipe => pipe::OpenOptions::new()
                .open_receiver(path(fd))
                .ok()
                .map(|pipe| -> Input { Box::new(pipe) }),
            Kind::Socket => Some(Box::new(socket(fd)?)),
            Kind::Other => None,
        })
    }

    pub(super) fn output(fd: &OwnedFd) -> io::Result<Option<Output>> {
        Ok(match kind(fd)? {
            Kind::Pipe => pipe::OpenOptions::new()
                .open_sender(path(fd))
                .ok()
                .map(|pipe| -> Output { Box::new(pipe) }),
            Kind::Socket => Some(Box::new(socket(fd)?)),
            Kind::Other => None,
        })
    }

    fn path(fd: &OwnedFd) -> String {
        format!("/proc/self/fd/{}", fd.as_raw_fd())
    }

    /// A socket can not be opened anew, so whoever shares this end sees it non-blocking too.
    fn socket(fd: &OwnedFd) -> io::Result<UnixStream> {
        let stream = StdStream::from(fd.try_clone()?);
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        #[tokio::test]
        async fn sockets_as_node_hands_them_over_are_polled() {
            let (ours, theirs) = StdStream::pair().unwrap();
            let ours = OwnedFd::from(ours);
            let (mut input, mut output) =
                (input(&ours).unwrap().unwrap(), output(&ours).unwrap().unwrap());
            theirs.set_nonblocking(true).unwrap();
            let mut theirs = UnixStream::from_std(theirs).unwrap();
            theirs.write_all(b"ping").await.unwrap();
            let mut read = [0; 4];
            input.read_exact(&mut read).await.unwrap();
            output.write_all(&read).await.unwrap();
            theirs.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"ping");
        }

        #[cfg(target_os = "linux")]
        #[tokio::test]
        async fn pipes_are_polled() {
            let (reader, writer) = std::io::pipe().unwrap();
            let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
            let (mut input, mut output) =
                (input(&reader).unwrap().unwrap(), output(&writer).unwrap().unwrap());
            output.write_all(b"ping").await.unwrap();
            let mut read = [0; 4];
            input.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"ping");
        }

        #[test]
        fn a_file_is_left_to_the_blocking_threads() {
            let file = OwnedFd::from(File::open("/dev/null").unwrap());
            assert!(input(&file).unwrap().is_none());
        }
    }
}
