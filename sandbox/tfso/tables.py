"""The five services' interfaces as the vendor publishes them, as far as they are offered here.

Types of the same name differ between the services, so each has its own tables. Read schema.py for
the notation. Source: the vendor's published interface descriptions; the contract test compares.
"""

from __future__ import annotations

from sandbox.tfso.schema import Service, service

_EXCEPTION = {"APIException": "Type string, Message string, StackTrace string"}

_ADDRESSES = {
    "Addresses": "Post Address, Delivery Address, Visit Address, Invoice Address",
    "Address": """Street string, State string, PostalCode string, PostalArea string, Name string,
        City string, Country string""",
}

_CONTACT_POINTS = {
    "PhoneNumbers": """Home PhoneNumber, Fax PhoneNumber, Mobile PhoneNumber,
        Primary PhoneNumber, Work PhoneNumber""",
    "PhoneNumber": "Description string, Value string",
    "EmailAddresses": """Home EmailAddress, Invoice EmailAddress, Primary EmailAddress,
        Work EmailAddress, Alternative EmailAddress""",
    "EmailAddress": "Description string, Name string, Value string",
}

_USER = {"User": "ContactId int=, Id guid=, Name string=, EmployeeId int="}

_CURRENCIES = """
    LOCAL AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD
    BTN BWP BYN BYR BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD
    EEK EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD
    IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LTL LVL LYD MAD MDL
    MGA MKD MMK MNT MOP MRO MTL MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK
    PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SKK SLL SOS SRD STD SYP SZL THB
    TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VEF VND VUV WST XAF XAG XAU XBA XBB XBC XBD
    XCD XDR XFU XOF XPD XPF XPT XTS XXX YER ZAR ZMK ZWL ZWD
"""

_ORDER_STATES = """
    None Offer Pack Invoiced Web Repeating CollectingOrder Return Distribution Rest ForInvoicing
    OvertimeRent Confirmed OrderState_Sent Production PaymentReminder OnAccount Lending
    InvoicedCashAccount InvoicedPack Inactive Hours OrderState_SuperStore Draft
"""

AUTHENTICATE: Service = service(
    "Authenticate",
    "/authenticate/v001/authenticate.asmx",
    operations="""
        Login(credential Credential) -> string
        HasSession() -> boolean!
        GetIdentity() -> Identity
        GetIdentities() -> Identity[]
        SetIdentity(identity Identity) -> boolean!
        SetIdentityById(identityId guid!) -> boolean!
        GetIdentitiesWithCredential(credential Credential) -> Identity[]
    """,
    types={
        "Identity": """Id guid!, User User, Client Client, IsCurrent boolean!, IsDefault boolean!,
            IsProtected boolean!, Servers Server[], IsDisabled boolean=false""",
        **_USER,
        "Client": "Id long!, Name string",
        "Server": "Id int!, Type int!",
        "Credential": "ApplicationId guid!, IdentityId guid=, Password string, Username string",
    },
    enums={},
)

COMPANY: Service = service(
    "CompanyService",
    "/CRM/Company/V001/CompanyService.asmx",
    operations="""
        DeleteCompanies(companies Company[]) -> Company[]
        GetCompanySyncList(syncSearchParameters SyncSearchParameters) -> PageOfSyncCompany
        GetCompanies(searchParams CompanySearchParameters, returnProperties string[]) -> Company[]
        SaveCompanies(companies Company[]) -> Company[]
    """,
    types={
        "Company": """APIException APIException, Id int=, ExternalId string=,
            OrganizationNumber string=, Name string=, FirstName string=, NickName string=,
            Addresses Addresses, PhoneNumbers PhoneNumbers, EmailAddresses EmailAddresses,
            Url string=, Country string=, Note string=, InvoiceLanguage string=,
            Type CompanyType=None, Username string=, Password string=, IncorporationDate dateTime=,
            DateCreated dateTime=, Status int=, PriceList int=, Owner int=, BankAccountNo string=,
            BankAccountType string=, BankAccountCountry string=, BankAccountBic string=,
            TermsOfDeliveryId int=, AccountDebit short=0, AccountCredit short=0,
            Discount decimal=0.0, TypeGroup int=, ShareCapital decimal=, NumberOfEmployees int=,
            Turnover decimal=, Profit decimal=, IndustryId int=, MemberNo int=,
            DateChanged dateTime=, BlockInvoice boolean=false, Relations Relation[],
            Maps CompanyMap[], DistributionMethod DistributionMethod=Unchanged,
            CurrencyId CurrencyType=LOCAL, PaymentTime short=, GlnNumber string=,
            Factoring boolean?, LedgerCustomerAccount short=, LedgerSupplierAccount short=,
            VatNumber string=, Private boolean?, ExplicitlySpecifyNewCompanyId boolean?""",
        **_EXCEPTION,
        **_ADDRESSES,
        **_CONTACT_POINTS,
        "Relation": """ContactId int=, CompanyId int=, FirstName string=, LastName string=,
            Role string=, RoleId int=, PhoneNumbers PhoneNumbers, EmailAddresses EmailAddresses,
            Fax string=""",
        "CompanyMap": "MapType int!, ExternalId string, CompanyId int!",
        "CompanySearchParameters": """ExternalId string, CompanyId int=, CompanyIds int[],
            CompanyName string=, ChangedAfter dateTime=, CompanyEmail string=, CompanyPhone string=,
            OrganizationNumber string=""",
        "SyncSearchParameters": """Page int=, Active boolean!?, ChangedAfter dateTime=,
            RegisteredAfter dateTime=""",
        "PageOfSyncCompany": """CurrentPage long!, TotalPages long!, TotalItems long!,
            ItemsPerPage long!, Items SyncCompany[], Context any""",
        "SyncCompany": """CompanyId int=, ExternalId string=, DateChanged dateTime=,
            DateRegistered dateTime!, Active boolean!""",
    },
    enums={
        "CompanyType": "None Lead Consumer Business Supplier",
        "DistributionMethod": "Unchanged Print EMail ElectronicInvoice Default",
        "CurrencyType": _CURRENCIES,
    },
)

PRODUCT: Service = service(
    "ProductService",
    "/Logistics/Product/V001/ProductService.asmx",
    operations="""
        SetStockQuantity(productId int!, stockQuantity decimal!) -> boolean!
        GetProducts(searchParams ProductSearchParameters, returnProperties string[]) -> Product[]
        SaveProducts(products Product[]) -> Product[]
        DeleteProducts(products Product[]) -> Product[]
        GetCategories(returnProperties string[]) -> Category[]
        SaveCategories(categories Category[]) -> Category[]
    """,
    types={
        "Product": """CashPriceIncTax double=, WebPrice decimal=, SupplierId int=, Id int=,
            Name string=, TaxRate decimal=, Stock decimal=, StatusId int=, CategoryId int=,
            PriceGroupID int=, InPrice decimal=, Description string=, DescriptionLong string=,
            Cost decimal=, EAN1 string=, Price decimal=, No string=, DateChanged dateTime=,
            APIException APIException, Weight decimal=, MinimumStock decimal=,
            OrderProposal decimal=, StockLocation string=, SupplierProductCode string=,
            SupplierProductName string=, Web boolean?, ProductCode string=,
            StockControlled boolean?, NewOffer boolean?, NewProduct boolean?""",
        **_EXCEPTION,
        "Category": "Id int=, Name string=, No string=, ParentId int=, APIException APIException",
        "ProductSearchParameters": """Id int=, CategoryId int=, No string=, EAN1 string=,
            Name string=, Price decimal=, DateChanged dateTime=, ProductIds int[]""",
    },
    enums={},
)

INVOICE: Service = service(
    "InvoiceService",
    "/Economy/InvoiceOrder/V001/InvoiceService.asmx",
    operations="""
        GetOrderSyncList(syncParams InvoiceSyncParameters) -> int[]
        GetInvoices(searchParams InvoiceSearchParameters, invoiceReturnProperties string[], rowReturnProperties string[]) -> InvoiceOrder[]
        SaveInvoices(invoices InvoiceOrder[]) -> InvoiceOrder[]
        UpdateInvoices(invoices InvoiceOrder[]) -> InvoiceOrder[]
        GetDeliveryMethods() -> DeliveryMethod[]
        GetPaymentMethods() -> PaymentMethod[]
    """,  # noqa: E501
    types={
        "InvoiceOrder": """OrderId int=, CustomerId int=, CustomerName string=,
            CustomerDeliveryName string, CustomerDeliveryPhone string=, Addresses Addresses,
            OrderStatus OrderSlipStateType=Web, InvoiceId int=, DateOrdered dateTime=,
            DateInvoiced dateTime=, DateChanged dateTime=, PaymentTime int=,
            CustomerReferenceNo string=, ProjectId int=, OurReference int=, IncludeVAT boolean!?,
            YourReference string=, OrderTotalIncVat decimal=, OrderTotalVat decimal=,
            InvoiceTitle string=, InvoiceText string=, Paid dateTime=, OCR string=,
            CustomerOrgNo string=, Currency Currency, PaymentMethodId int=, PaymentAmount decimal=,
            ProductionManagerId int=, SalesOpportunityId int=, TypeOfSaleId int=,
            Distributor Distributor=Default, DistributionMethod DistributionMethod=Unchanged,
            DepartmentId int=, ExternalStatus int=, InvoiceEmailAddress string=,
            InvoiceRows InvoiceRow[], APIException APIException, ProductionNumber string=,
            DeliveryDate dateTime=, ReferenceInvoiceId int=, ReferenceOrderId int=,
            ReferenceNumber string=, SkipStock boolean=false, AccrualDate dateTime=,
            AccrualLength int=, RoundFactor decimal=, InvoiceTemplateId guid=, VippsNumber string=,
            DeliveryMethod DeliveryMethod, DeliveryAlternative string=, SendToFactoring boolean?,
            Commission decimal=, UserDefinedDimensions UserDefinedDimension[], GLNNumber string=,
            CustomerDeliveryId int=""",
        "InvoiceRow": """ProductId int=, RowId int=, VatRate decimal=, Price decimal=, Name string=,
            DiscountRate decimal=, Quantity decimal=, QuantityDelivered decimal=,
            QuantityOrdered decimal=, QuantityRest decimal=, Cost decimal=,
            ChangeState ChangeState=None, TypeGroupId int=, SequenceNumber short=,
            Hidden boolean=false, Type RowType=Normal, InPrice decimal=, AccrualDate dateTime=,
            AccrualLength int=, AccountProject boolean?, ProjectId int=, DepartmentId int=,
            ProductNo string=, TaxSettings TaxSettings,
            UserDefinedDimensions UserDefinedDimension[], SerialNumber string""",
        **_EXCEPTION,
        **_ADDRESSES,
        "Currency": "Rate decimal=1, Unit short=1, Symbol string=",
        "TaxSettings": "TaxAccount int=, TaxCode int=, TaxRate decimal=",
        "UserDefinedDimension": "TypeId int=, Name string=, Value string=",
        "DeliveryMethod": "Id int=, Description string=",
        "PaymentMethod": "Id int=, Name string=",
        "InvoiceSyncParameters": "ChangedAfter dateTime=, RegisteredAfter dateTime!",
        "InvoiceSearchParameters": """CustomerIds int[], ChangedAfter dateTime=,
            OrderStates OrderSlipStateType[], InvoiceIds int[], OrderIds int[],
            ExternalStatus int[]""",
    },
    enums={
        "OrderSlipStateType": _ORDER_STATES,
        "Distributor": "Default Manual Auto",
        "DistributionMethod": "Unchanged Print EMail ElectronicInvoice",
        "ChangeState": "None Add Edit Delete",
        "RowType": "Normal Text TextBold",
    },
)

CLIENT: Service = service(
    "ClientService",
    "/Client/V001/ClientService.asmx",
    operations="""
        GetClientInformation() -> Client
        GetCurrencyList() -> Currency[]
        GetVatTypeList() -> VatType[]
        GetTypeGroupList(module TypeGroupModule!) -> AccountingGroup[]
        GetDepartmentList() -> Department[]
        GetUsers() -> User[]
    """,
    types={
        "Client": """AddressList Addresses, Country string, EmailAddressList EmailAddresses,
            FactoringClientNo string, FactoringText string, FaxNumberList FaxNumber[],
            IsUsingFactoring boolean!, Name string, PhoneNumberList PhoneNumbers, ReminderDays int!,
            ReminderDays2 int!, ReminderDays3 int!, UserId long!, BankAccount string, IBAN string,
            OrganizationNumber string, Swift string, ResellerId long=, ResellerName string=,
            DefaultCurrency string=""",
        **_ADDRESSES,
        **_CONTACT_POINTS,
        **_USER,
        "FaxNumber": "Type FaxNumberType!, Value string",
        "Currency": "Symbol string, Id int!, Rate decimal!, Unit int!",
        "VatType": "No int!, Name string, Rate decimal!",
        "AccountingGroup": "AccountId int!, Id int!, Name string",
        "Department": """Id int!, Name string, Addresses Addresses, Phone string, Fax string,
            Email string""",
    },
    enums={"FaxNumberType": "Unknown Work", "TypeGroupModule": "All Sale Purchase"},
)

SERVICES: tuple[Service, ...] = (AUTHENTICATE, COMPANY, PRODUCT, INVOICE, CLIENT)
