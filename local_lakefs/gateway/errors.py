"""What the gateway refuses: S3's error codes, with lakeFS's statuses and words (``pkg/gateway/errors``)."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """An error: S3's code, the message, the HTTP status."""

    ACCESS_DENIED = ("AccessDenied", "Access Denied.", 403)
    BAD_REQUEST = ("BadRequest", "400 BadRequest", 400)
    BUCKET_EXISTS = (
        "BucketAlreadyExists",
        "The requested bucket name is not available. The bucket namespace is shared by all users of the"
        " system. Please select a different name and try again.",
        409,
    )
    COPY_SOURCE = (
        "InvalidArgument",
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey.",
        400,
    )
    CREDENTIAL_DATE = (
        "AuthorizationHeaderMalformed",
        "The authorization header is malformed; Invalid credential date. Date is not the same as X-Amz-Date.",
        400,
    )
    CREDENTIAL_MALFORMED = (
        "AuthorizationQueryParametersError",
        "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting"
        ' "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
        400,
    )
    CREDENTIAL_MISSING = ("InvalidRequest", "Missing Credential field for this request.", 400)
    DATE_MALFORMED = (
        "MalformedDate",
        "Invalid date format header, expected to be in ISO8601, RFC1123 or RFC1123Z time format.",
        400,
    )
    DATE_MISSING = ("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", 400)
    EXPIRED = ("AccessDenied", "Request has expired", 403)
    EXPIRES_MALFORMED = ("AuthorizationQueryParametersError", "X-Amz-Expires should be a number", 400)
    EXPIRES_NEGATIVE = ("AuthorizationQueryParametersError", "X-Amz-Expires must be non-negative", 400)
    EXPIRES_TOO_LONG = (
        "AuthorizationQueryParametersError",
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less"
        " than 604800 seconds",
        400,
    )
    HEADER_VALUE = ("InvalidArgument", "Invalid header value.", 400)
    INTERNAL = ("InternalError", "We encountered an internal error, please try again.", 500)
    MALFORMED_XML = (
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema.",
        400,
    )
    MAX_UPLOADS = (
        "InvalidArgument",
        "Argument max-uploads must be an integer between 0 and 2147483647",
        400,
    )
    METADATA_TOO_LARGE = (
        "MetadataTooLarge",
        "Your metadata headers exceed the maximum allowed metadata size",
        400,
    )
    MISSING_FIELDS = ("MissingFields", "Missing fields in request.", 400)
    NO_BUCKET = ("NoSuchBucket", "The specified bucket does not exist", 404)
    NO_BUCKET_BUT_API = (
        "ErrNoSuchBucketPossibleAPIEndpoint",
        'Repository "api" not found; this can happen if your endpoint URL mistakenly ends in "/api/v1".',
        404,
    )
    NO_KEY = ("NoSuchKey", "The specified key does not exist.", 404)
    NO_VERSION = (
        "NoSuchVersion",
        "Indicates that the version ID specified in the request does not match an existing version.",
        404,
    )
    NOT_IMPLEMENTED = (
        "NotImplemented",
        "A header you provided implies functionality that is not implemented",
        501,
    )
    NOT_READY_YET = ("AccessDenied", "Request is not valid yet", 403)
    NOT_SUPPORTED = ("ERRLakeFSNotSupported", "This operation is not supported in LakeFS", 405)
    PART_NUMBER = ("InvalidArgument", "Argument partNumberMarker must be an integer.", 400)
    PRECONDITION_FAILED = (
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        412,
    )
    PROTECTED_BRANCH = ("ErrWriteToProtectedBranch", "Attempted to write to a protected branch", 403)
    RANGE = ("InvalidRange", "The requested range is not satisfiable", 416)
    READ_ONLY = ("ErrReadOnlyRepository", "Attempted to write to a read-only repository", 403)
    REFUSED_COPY = ("InvalidRequest", "", 400)
    """Said with the reason."""
    SIGNATURE = (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and"
        " signing method.",
        403,
    )
    SIGNATURE_ALGORITHM = (
        "AuthorizationQueryParametersError",
        'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256".',
        400,
    )
    SIGNATURE_VERSION = (
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        400,
    )
    SKEWED = (
        "RequestTimeTooSkewed",
        "The difference between the request time and the server's time is too large.",
        403,
    )
    TOO_LARGE = ("EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.", 400)


class S3Error(Exception):
    """A refusal. ``bare`` ones do not say which bucket and key were meant, as some of lakeFS's do not."""

    def __init__(self, code: Code, message: str = "", *, bare: bool = False) -> None:
        self.code, default, self.status = code.value
        self.message = message or default
        self.bare = bare
        super().__init__(f"{self.code}: {self.message}")
